"""HubSpot's vocabulary: object types, their properties, the links between them, the scopes that guard them.

Belongs here: names and types. Does not: values (`hubspot_records`). Property names are HubSpot's own except
those in CUSTOM, which this company made.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ObjectType:
    """One object type: where the snapshot keeps it, and HubSpot's property for each of its columns."""

    name: str
    singular: str
    type_id: str
    frame: str
    id_column: str
    properties: dict[str, str]
    defaults: tuple[str, ...]
    scopes: tuple[str, ...]
    created: str = "hs_createdate"
    updated: str = "hs_lastmodifieddate"

    @property
    def spellings(self) -> tuple[str, ...]:
        return (self.name, self.singular, self.type_id)


_STAGE_DATES = {
    "hs_lifecyclestage_lead_date": "lead_at",
    "hs_lifecyclestage_marketingqualifiedlead_date": "mql_at",
    "hs_lifecyclestage_salesqualifiedlead_date": "sql_at",
    "hs_lifecyclestage_opportunity_date": "opportunity_at",
    "hs_lifecyclestage_customer_date": "customer_at",
}
_ACTIVITY = {"hs_createdate": "created_at", "hs_lastmodifieddate": "updated_at", "hubspot_owner_id": "owner_id"}
_ACTIVITY_DEFAULTS = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
# HubSpot guards activities with the contacts scope.
_ACTIVITY_SCOPES = ("crm.objects.contacts.read",)

OBJECTS: dict[str, ObjectType] = {
    kind.name: kind
    for kind in (
        ObjectType(
            "contacts", "contact", "0-1", "contacts", "contact_id",
            {
                "email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone",
                "country": "country", "hubspot_owner_id": "owner_id", "lifecyclestage": "lifecycle_stage",
                "hs_analytics_source": "lead_source", **_STAGE_DATES, "ga_client_id": "ga_client_id",
                "user_key": "user_key", "is_test": "is_test",
                "createdate": "created_at", "lastmodifieddate": "updated_at",
            },
            ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
            ("crm.objects.contacts.read",), "createdate", "lastmodifieddate",
        ),
        ObjectType(
            "companies", "company", "0-2", "companies", "company_id",
            {
                "name": "name", "domain": "domain", "country": "country", "numberofemployees": "employees",
                "industry": "industry", "customer_segment": "segment", "createdate": "created_at",
                "hs_lastmodifieddate": "updated_at",
            },
            ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
            ("crm.objects.companies.read",), "createdate",
        ),
        ObjectType(
            "deals", "deal", "0-3", "deals", "deal_id",
            {
                "dealname": "name", "pipeline": "pipeline", "dealstage": "stage", "amount": "amount",
                "deal_currency_code": "currency", "hubspot_owner_id": "owner_id", "closedate": "close_date",
                "closed_lost_reason": "lost_reason", "hs_mrr": "mrr", "partner": "partner", "createdate": "created_at",
                "hs_lastmodifieddate": "updated_at", "id_in_crm_before": "imported_id",
            },
            (
                "amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id",
                "pipeline",
            ),
            ("crm.objects.deals.read",), "createdate",
        ),
        ObjectType(
            "meetings", "meeting", "0-47", "meetings", "meeting_id",
            {
                **_ACTIVITY, "hs_meeting_title": "title", "hs_activity_type": "kind", "hs_timestamp": "start_at",
                "hs_meeting_start_time": "start_at", "hs_meeting_end_time": "end_at", "hs_meeting_outcome": "outcome",
            },
            _ACTIVITY_DEFAULTS, _ACTIVITY_SCOPES,
        ),
        ObjectType(
            "calls", "call", "0-48", "calls", "call_id",
            {
                **_ACTIVITY, "hs_call_direction": "direction", "hs_call_disposition": "disposition",
                "hs_timestamp": "start_at", "hs_call_duration": "duration_ms",
            },
            _ACTIVITY_DEFAULTS, _ACTIVITY_SCOPES,
        ),
        ObjectType(
            "emails", "email", "0-49", "crm_emails", "email_id",
            {**_ACTIVITY, "hs_email_direction": "direction", "hs_timestamp": "sent_at"},
            _ACTIVITY_DEFAULTS, ("sales-email-read",),
        ),
    )
}  # fmt: skip
SPELLINGS = {spelling: kind.name for kind in OBJECTS.values() for spelling in kind.spellings}
_MERGEABLE = ("contacts", "companies")
PROPERTIES: dict[str, tuple[str, ...]] = {
    name: (*kind.properties, "hs_object_id", *(("hs_merged_object_ids",) if name in _MERGEABLE else ()))
    for name, kind in OBJECTS.items()
}

_DATETIMES = {
    "createdate", "lastmodifieddate", "closedate", "hs_createdate", "hs_lastmodifieddate", "hs_timestamp",
    "hs_meeting_start_time", "hs_meeting_end_time", *_STAGE_DATES,
}  # fmt: skip
_NUMBERS = {"amount", "hs_mrr", "numberofemployees", "hs_call_duration", "hs_object_id"}
_CHOICES = {
    "lifecyclestage", "hubspot_owner_id", "pipeline", "dealstage", "deal_currency_code", "hs_meeting_outcome",
    "hs_call_direction", "hs_call_disposition", "hs_email_direction", "hs_activity_type", "industry",
    "hs_analytics_source", "hs_merged_object_ids", "customer_segment", "partner",
}  # fmt: skip
CUSTOM = {"ga_client_id", "user_key", "is_test", "customer_segment", "partner", "id_in_crm_before"}


def property_type(name: str) -> str:
    """HubSpot's type of a property: datetime, number, bool, enumeration or string."""
    if name in _DATETIMES:
        return "datetime"
    if name in _NUMBERS:
        return "number"
    if name == "is_test":
        return "bool"
    return "enumeration" if name in _CHOICES else "string"


@dataclass(frozen=True)
class Link:
    """Where the snapshot keeps the links of one direction; `order` sorts them, the first being the primary."""

    frame: str
    from_column: str
    to_column: str
    order: str = ""


LINKS: dict[tuple[str, str], Link] = {
    ("deals", "contacts"): Link("deal_contacts", "deal_id", "contact_id", "position"),
    ("deals", "companies"): Link("deals", "deal_id", "company_id"),
    ("contacts", "companies"): Link("contacts", "contact_id", "company_id"),
    ("emails", "contacts"): Link("crm_emails", "email_id", "contact_id"),
    **{
        (name, f"{to}s" if to != "company" else "companies"): Link(name, f"{name[:-1]}_id", f"{to}_id")
        for name in ("meetings", "calls")
        for to in ("contact", "company", "deal")
    },
}


@dataclass(frozen=True)
class LinkType:
    """How HubSpot labels a link; `primary` is the extra type id the primary company carries."""

    plain: int
    primary: int | None = None


LINK_TYPES: dict[tuple[str, str], LinkType] = {
    ("contacts", "companies"): LinkType(279, 1),
    ("companies", "contacts"): LinkType(280, 2),
    ("deals", "companies"): LinkType(341, 5),
    ("companies", "deals"): LinkType(342, 6),
    ("deals", "contacts"): LinkType(3),
    ("contacts", "deals"): LinkType(4),
    ("calls", "contacts"): LinkType(194),
    ("contacts", "calls"): LinkType(193),
    ("calls", "companies"): LinkType(182),
    ("companies", "calls"): LinkType(181),
    ("calls", "deals"): LinkType(206),
    ("deals", "calls"): LinkType(205),
    ("emails", "contacts"): LinkType(198),
    ("contacts", "emails"): LinkType(197),
    ("meetings", "contacts"): LinkType(200),
    ("contacts", "meetings"): LinkType(199),
    ("meetings", "companies"): LinkType(188),
    ("companies", "meetings"): LinkType(187),
    ("meetings", "deals"): LinkType(212),
    ("deals", "meetings"): LinkType(211),
}
ALL_SCOPES = frozenset(
    {scope for kind in OBJECTS.values() for scope in kind.scopes}
    | {"crm.objects.owners.read", "crm.schemas.contacts.read", "crm.schemas.companies.read", "crm.schemas.deals.read"}
)
SCHEMA_SCOPES = {name: f"crm.schemas.{name}.read" for name in ("contacts", "companies", "deals")}
