"""HubSpot's names: which property fills which column, which links and histories are read, per object type."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestion.http import Json
from ingestion.privacy import Hasher, company_domain, is_role_address, without_addresses
from ingestion.rows import Convert, number
from ingestion.sources.hubspot.api import HubspotSettings

MILLISECONDS = 1000
SWITCHED_OFF = "none"


@dataclass(frozen=True)
class ObjectType:
    """One HubSpot object type. properties: lake column → HubSpot property; configurable: property → its setting;
    made_by: the settings of these that name another property than by default.
    """

    name: str
    singular: str
    key: str
    updated: str
    properties: Mapping[str, str]
    links: tuple[str, ...] = ()
    history: tuple[str, ...] = ()
    configurable: Mapping[str, str] = field(default_factory=dict)
    made_by: Mapping[str, str] = field(default_factory=dict)

    def requested(self) -> list[str]:
        return sorted({*self.properties.values(), self.updated})

    def row(self, record: Json) -> dict[str, Any]:
        """The record by lake columns, values as HubSpot sent them."""
        values = record["properties"]
        archived_at = record.get("archivedAt")
        return {
            **{column: values.get(name) for column, name in self.properties.items()},
            self.key: record.get("id"),
            "created_at": record.get("createdAt"),
            "updated_at": archived_at or values.get(self.updated),
            "archived": record.get("archived"),
            "archived_at": archived_at,
        }


def object_types(settings: HubspotSettings) -> tuple[ObjectType, ...]:
    """The six object types; properties a portal may lack are named by settings, `none` leaves their column null."""
    custom = {
        "ga_client_id": ("GA_CLIENT_ID_PROPERTY", settings.ga_client_id_property),
        "user_key_hash": ("USER_KEY_PROPERTY", settings.user_key_property),
        "is_test": ("IS_TEST_PROPERTY", settings.is_test_property),
        "mql_at": ("MQL_DATE_PROPERTY", settings.mql_date_property),
        "lead_source": ("LEAD_SOURCE_PROPERTY", settings.lead_source_property),
    }
    deal_custom = {
        "lost_reason": ("LOST_REASON_PROPERTY", settings.lost_reason_property),
        "mrr": ("MRR_PROPERTY", settings.mrr_property),
        "partner": ("PARTNER_PROPERTY", settings.partner_property),
        "imported_id": ("IMPORTED_ID_PROPERTY", settings.imported_id_property),
    }
    company_custom = {"segment": ("SEGMENT_PROPERTY", settings.segment_property)}
    contacts = ObjectType(
        "contacts",
        "contact",
        "contact_id",
        "lastmodifieddate",
        {
            "email_hash": "email",
            "email_domain": "email",
            "is_role_address": "email",
            "country": "country",
            "owner_id": "hubspot_owner_id",
            "lifecycle_stage": "lifecyclestage",
            "lead_at": "hs_lifecyclestage_lead_date",
            "sql_at": "hs_lifecyclestage_salesqualifiedlead_date",
            "opportunity_at": "hs_lifecyclestage_opportunity_date",
            "customer_at": "hs_lifecyclestage_customer_date",
            "merged_ids": "hs_merged_object_ids",
            **_named(custom),
        },
        links=("company",),
        configurable=_settings(custom),
        made_by=_made_by(settings, custom),
    )
    companies = ObjectType(
        "companies",
        "company",
        "company_id",
        "hs_lastmodifieddate",
        {
            "name": "name",
            "domain": "domain",
            "country": "country",
            "employees": "numberofemployees",
            "industry": "industry",
            "merged_ids": "hs_merged_object_ids",
            **_named(company_custom),
        },
        configurable=_settings(company_custom),
        made_by=_made_by(settings, company_custom),
    )
    deals = ObjectType(
        "deals",
        "deal",
        "deal_id",
        "hs_lastmodifieddate",
        {
            "name": "dealname",
            "pipeline": "pipeline",
            "stage": "dealstage",
            "amount": "amount",
            "currency": "deal_currency_code",
            "owner_id": "hubspot_owner_id",
            "close_date": "closedate",
            **_named(deal_custom),
        },
        links=("contact", "company"),
        history=("dealstage", "amount"),
        configurable=_settings(deal_custom),
        made_by=_made_by(settings, deal_custom),
    )
    return (contacts, companies, deals, _MEETINGS, _CALLS, _EMAILS)


_MEETINGS = ObjectType(
    "meetings",
    "meeting",
    "meeting_id",
    "hs_lastmodifieddate",
    {
        "title": "hs_meeting_title",
        "kind": "hs_activity_type",
        "owner_id": "hubspot_owner_id",
        "start_at": "hs_meeting_start_time",
        "end_at": "hs_meeting_end_time",
        "outcome": "hs_meeting_outcome",
    },
    links=("contact", "company", "deal"),
    history=("hs_meeting_outcome", "hs_meeting_start_time"),
)
_CALLS = ObjectType(
    "calls",
    "call",
    "call_id",
    "hs_lastmodifieddate",
    {
        "owner_id": "hubspot_owner_id",
        "direction": "hs_call_direction",
        "disposition": "hs_call_disposition",
        "start_at": "hs_timestamp",
        "duration_seconds": "hs_call_duration",
    },
    links=("contact", "company", "deal"),
)
_EMAILS = ObjectType(
    "emails",
    "email",
    "email_id",
    "hs_lastmodifieddate",
    {"owner_id": "hubspot_owner_id", "direction": "hs_email_direction", "sent_at": "hs_timestamp"},
    links=("contact",),
)


def converters(hasher: Hasher) -> Mapping[str, Mapping[str, Convert]]:
    """What HubSpot's texts become before anything is written."""
    return {
        "contacts": {
            "email_hash": hasher.email,
            "email_domain": company_domain,
            "is_role_address": is_role_address,
            "user_key_hash": hasher.identifier,
            "lead_source": without_addresses,
            "merged_ids": split_ids,
        },
        "companies": {"name": without_addresses, "segment": without_addresses, "merged_ids": split_ids},
        "deals": dict.fromkeys(("name", "lost_reason", "partner"), without_addresses),
        "meetings": {"title": without_addresses},
        "calls": {"duration_seconds": lambda value: float(number(value)) / MILLISECONDS},
    }


def split_ids(value: str) -> list[str]:
    """Ids of the records merged into one, as HubSpot joins them."""
    return [part for part in value.split(";") if part]


def _named(custom: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {column: name for column, (_, name) in custom.items() if name != SWITCHED_OFF}


def _settings(custom: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return {name: setting for setting, name in custom.values()}


def _made_by(settings: HubspotSettings, custom: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    return settings.other_than_default(setting.lower() for setting, _ in custom.values())
