"""What Pipedrive's connector can be told: `SOURCES__PIPEDRIVE__…`.

A field setting holds the name or the 40-character key of one of the account's own fields; empty, its column stays null
(where Pipedrive has a field of its own for it, that one is read).
"""

from collections.abc import Mapping

from pydantic import Field, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.http import HttpSettings

# What becomes of an activity type: (column, word) by the setting that lists the types.
TYPE_SETTINGS: Mapping[str, tuple[str, str]] = {
    "demo_types": ("kind", "demo"),
    "meeting_types": ("kind", "meeting"),
    "call_types": ("kind", "call"),
    "email_types": ("kind", "email"),
    "no_show_types": ("type_says", "no_show"),
    "canceled_types": ("type_says", "canceled"),
    "received_types": ("type_says", "received"),
}
# Lake column by the setting that names its field.
FIELD_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "persons": {
        "lead_date_field": "lead_at",
        "mql_date_field": "mql_at",
        "sql_date_field": "sql_at",
        "opportunity_date_field": "opportunity_at",
        "customer_date_field": "customer_at",
        "lifecycle_field": "lifecycle_stage",
        "is_test_field": "is_test",
        "client_id_field": "client_id",
        "user_key_field": "user_key_hash",
        "country_field": "country",
        "lead_source_field": "lead_source",
    },
    "organizations": {
        "domain_field": "domain",
        "employees_field": "employees",
        "industry_field": "industry",
        "segment_field": "segment",
        "organization_country_field": "country",
    },
    "deals": {
        "recurring_amount_field": "recurring_amount",
        "partner_field": "partner",
        "imported_id_field": "imported_id",
    },
}


class PipedriveSettings(HttpSettings):
    """SOURCES__PIPEDRIVE__… ."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__PIPEDRIVE__")

    api_token: SecretStr = Field(description="API token of a user who sees all deals, persons, leads and activities.")
    base_url: str = Field("https://api.pipedrive.com", description="Root of the API; the company's domain works too.")
    lookback_minutes: int = Field(15, ge=0, description="Overlap when reading what changed.")
    requests_per_two_seconds: PositiveInt = Field(
        20, description="Burst limit until Pipedrive announces the plan's own; 20 is the smallest plan's."
    )
    reconcile_tokens: int = Field(
        200, ge=0, description="A list of all records that costs no more tokens is read whole at every pull."
    )
    reconcile_days: PositiveInt = Field(
        7, description="Any other list is read whole after so many days: deleted and merged records are found only so."
    )
    reserve_tokens: int = Field(
        1_000, ge=0, description="Tokens of the day left to others: with fewer, deal histories wait for the next pull."
    )
    participants: bool = Field(True, description="Read all persons of a deal (10 tokens per deal that has several).")
    teams: bool = Field(False, description="Read the teams of users; only accounts with the Teams feature have them.")

    lead_date_field: str = Field("", description="Person field: when a lead; a day or an ISO 8601 instant.")
    mql_date_field: str = Field("", description="Person field: when a marketing qualified lead.")
    sql_date_field: str = Field("", description="Person field: when a sales qualified lead.")
    opportunity_date_field: str = Field("", description="Person field: when an opportunity.")
    customer_date_field: str = Field("", description="Person field: when a customer.")
    lifecycle_field: str = Field("", description="Person field: lifecycle stage.")
    is_test_field: str = Field("", description="Person field marking test persons (yes/no).")
    client_id_field: str = Field("", description="Person field holding the analytics client id a form captured.")
    user_key_field: str = Field("", description="Person field holding the login id.")
    country_field: str = Field("", description="Person field holding the country; by default that of the address.")
    lead_source_field: str = Field("", description="Person field: where the person came from.")
    domain_field: str = Field("", description="Organization field holding the domain; by default `website`.")
    employees_field: str = Field("", description="Organization field holding employees; by default `employee_count`.")
    industry_field: str = Field("", description="Organization field holding the industry; by default `industry`.")
    segment_field: str = Field("", description="Organization field holding the segment.")
    organization_country_field: str = Field("", description="Organization field: country; by default the address's.")
    recurring_amount_field: str = Field("", description="Deal field: recurring amount a month; by default `mrr`.")
    partner_field: str = Field("", description="Deal field naming the partner.")
    imported_id_field: str = Field("", description="Deal field holding its id in the CRM it was copied from.")

    # Pipedrive has no outcome of a meeting and no field of one's own on activities: a company tells by the type.
    demo_types: str = Field("demo", description="Activity types (keys, comma-separated) that are demos.")
    meeting_types: str = Field("meeting", description="Activity types that are other meetings.")
    call_types: str = Field("call", description="Activity types that are calls.")
    email_types: str = Field("email", description="Activity types that are one-to-one emails.")
    no_show_types: str = Field("no_show", description="Types that say nobody came; also in the list of their kind.")
    canceled_types: str = Field("canceled", description="Types that say it was called off; also in that of their kind.")
    received_types: str = Field("", description="Types that say an email came in; also in email_types.")

    def fields(self, name: str) -> dict[str, str]:
        """Lake column → the field that fills it, for one kind of record."""
        return {
            column: wanted
            for setting, column in FIELD_SETTINGS[name].items()
            if (wanted := str(getattr(self, setting)).strip())
        }

    def types(self) -> dict[str, dict[str, str]]:
        """What each activity type means: type → {kind, type_says}."""
        meanings: dict[str, dict[str, str]] = {}
        for setting, (column, word) in TYPE_SETTINGS.items():
            for name in filter(None, (each.strip().lower() for each in str(getattr(self, setting)).split(","))):
                meanings.setdefault(name, {})[column] = word
        return meanings
