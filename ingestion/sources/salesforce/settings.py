"""What Salesforce's connector can be told: SOURCES__SALESFORCE__… An org's own fields are named here by their API names
(`MQL_Date__c`); an empty name leaves its column null, a formula's is named by the doctor (`checks.formulas`).
"""

from pydantic import Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from ingestion.http import HttpSettings


class SalesforceSettings(HttpSettings):
    """The app and how fast, how far back, which fields."""

    model_config = SettingsConfigDict(env_prefix="SOURCES__SALESFORCE__")

    base_url: str = Field(description="The org's My Domain address, e.g. https://acme.my.salesforce.com.")
    client_id: str = Field(description="Consumer key of a connected app.")
    client_secret: SecretStr | None = Field(None, description="Its consumer secret: sessions by client credentials.")
    username: str = Field(
        "",
        description="User the app acts for: sessions by a signed assertion (JWT bearer).",
        json_schema_extra={"ask": True},
    )
    private_key: SecretStr | None = Field(None, description="Key that signs it: the PEM, or the path of its file.")
    audience: str = Field("https://login.salesforce.com", description="…test.salesforce.com for a sandbox org.")
    api_version: str = Field("67.0", pattern=r"^\d+\.0$", description="API version in the paths.")
    lookback_minutes: int = Field(10, ge=0, description="Overlap: a long transaction shows its rows late.")
    quota_share: float = Field(0.8, gt=0, le=1, description="Share of the org's daily calls at which a pull stops.")
    page_size: int = Field(2000, ge=200, le=2000, description="Rows per page of a query.")
    bulk_rows: PositiveInt = Field(10_000, description="From this many rows on a Bulk query job reads them.")
    bulk_page_size: PositiveInt = Field(50_000, description="Rows per page of a job's results.")
    poll_seconds: PositiveFloat = Field(2.0, description="Longest wait between two questions whether a job is done.")
    job_seconds: PositiveFloat = Field(3600.0, description="A job that takes longer fails the pull.")
    currency: str = Field("", description="ISO 4217 code of an org of one currency; empty: Kpilote's own.")

    lead_date_field: str = Field("", description="Lead and Contact: became a lead.")
    mql_date_field: str = Field("", description="Lead and Contact: became a marketing qualified lead.")
    sql_date_field: str = Field("", description="Lead and Contact: became a sales qualified lead.")
    opportunity_date_field: str = Field("", description="Lead and Contact: became an opportunity.")
    customer_date_field: str = Field("", description="Lead and Contact: became a customer.")
    lifecycle_field: str = Field("", description="Lead and Contact: lifecycle stage.")
    is_test_field: str = Field("", description="Lead and Contact: checkbox of test records.")
    client_id_field: str = Field("", description="Lead and Contact: analytics client id captured by a form.")
    user_key_field: str = Field("", description="Lead and Contact: login id.")
    lost_reason_field: str = Field("", description="Opportunity: why it was lost.")
    recurring_amount_field: str = Field("", description="Opportunity: monthly recurring revenue.")
    partner_field: str = Field("", description="Opportunity: partner.")
    imported_id_field: str = Field("", description="Opportunity: its id in the CRM it was copied from.")
    contract_amount_field: str = Field("", description="Contract: monthly recurring revenue.")
    segment_field: str = Field("", description="Account: segment.")
    lead_segment_field: str = Field("", description="Lead: segment of its company, which is no account yet.")
    meeting_kind_field: str = Field("", description="Event: kind of meeting; empty: Type, where the org has it.")
    meeting_outcome_field: str = Field("", description="Event: outcome.")
    activity_start_field: str = Field("", description="Task: when a call or mail took place.")
    direction_field: str = Field("", description="Task: Inbound or Outbound; calls have CallType.")
