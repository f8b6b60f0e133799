"""What the company made of Pipedrive: its custom fields, activity types, stages, and the scopes of a token.

Belongs here: names. Does not: values (`pipedrive_records`), answers (`pipedrive`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sandbox.apis.answers import Json
from sandbox.world import catalogue as cat

ALL_SCOPES = frozenset({"contacts:read", "deals:read", "activities:read", "leads:read", "users:read", "recents:read"})
PIPELINE = 1
OPEN_STAGES = tuple(name for number, (name, *_) in enumerate(cat.STAGES) if number not in (cat.WON, cat.LOST))
# Numbers no other account has: the stage map that is shipped must name nobody else's stages.
STAGE_IDS = {name: number for number, name in enumerate(OPEN_STAGES, start=910_001)}
STATUSES = {cat.STAGES[cat.WON][0]: "won", cat.STAGES[cat.LOST][0]: "lost"}
INDUSTRY_IDS = {name: number for number, name in enumerate(cat.INDUSTRIES, start=1)}
# Pipedrive keeps no outcome of a meeting: this company gives it a type that says so when it marks it as done.
OUTCOME_SUFFIXES = {"NO_SHOW": "_no_show", "CANCELED": "_canceled"}


def with_outcomes(kinds: tuple[str, ...]) -> str:
    """Activity types of some kinds of meeting, those that tell an outcome included."""
    return ",".join(kind + suffix for kind in kinds for suffix in ("", *OUTCOME_SUFFIXES.values()))


DEMOS = with_outcomes(("demo",))
MEETINGS = with_outcomes(tuple(kind for kind in cat.MEETING_KINDS if kind != "demo"))
NO_SHOWS = ",".join(kind + OUTCOME_SUFFIXES["NO_SHOW"] for kind in cat.MEETING_KINDS)
CANCELED = ",".join(kind + OUTCOME_SUFFIXES["CANCELED"] for kind in cat.MEETING_KINDS)
CALL, EMAIL, EMAIL_RECEIVED = "call", "email", "email_received"


@dataclass(frozen=True)
class Custom:
    """A custom field: the name people gave it, its type, the snapshot's column, and its options by label."""

    name: str
    type: str
    column: str
    setting: str
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return hashlib.sha1(f"pipedrive {self.name}".encode(), usedforsecurity=False).hexdigest()

    @property
    def option_ids(self) -> dict[str, int]:
        return {label: number for number, label in enumerate(self.options, start=11)}


YES_NO = ("Yes", "No")
CUSTOM: dict[str, tuple[Custom, ...]] = {
    "persons": (
        Custom("Lead date", "varchar", "lead_at", "LEAD_DATE_FIELD"),
        Custom("MQL date", "varchar", "mql_at", "MQL_DATE_FIELD"),
        Custom("SQL date", "varchar", "sql_at", "SQL_DATE_FIELD"),
        Custom("Opportunity date", "varchar", "opportunity_at", "OPPORTUNITY_DATE_FIELD"),
        Custom("Customer date", "varchar", "customer_at", "CUSTOMER_DATE_FIELD"),
        Custom("Lifecycle stage", "enum", "lifecycle_stage", "LIFECYCLE_FIELD", cat.LIFECYCLE),
        Custom("Test contact", "enum", "is_test", "IS_TEST_FIELD", YES_NO),
        Custom("Analytics client id", "varchar", "ga_client_id", "CLIENT_ID_FIELD"),
        Custom("Login id", "varchar", "user_key", "USER_KEY_FIELD"),
        Custom("Country", "varchar", "country", "COUNTRY_FIELD"),
        Custom("Lead source", "varchar", "lead_source", "LEAD_SOURCE_FIELD"),
    ),
    "organizations": (Custom("Segment", "enum", "segment", "SEGMENT_FIELD", cat.NAMED_SEGMENTS),),
    "deals": (
        Custom("Recurring amount", "double", "mrr", "RECURRING_AMOUNT_FIELD"),
        Custom("Partner", "enum", "partner", "PARTNER_FIELD", cat.PARTNERS),
        # Filled where the company moved here from another CRM (`move`).
        Custom("Id in the CRM before", "varchar", "imported_id", "IMPORTED_ID_FIELD"),
    ),
    "activities": (),
}
_STANDARD = {
    "persons": (("name", "Name", "varchar"), ("emails", "Email", "varchar"), ("phones", "Phone", "phone"),
                ("org_id", "Organization", "org"), ("owner_id", "Owner", "user"), ("add_time", "Created", "date")),
    "organizations": (("name", "Name", "varchar"), ("address", "Address", "address"), ("website", "Website", "varchar"),
                      ("industry", "Industry", "enum"), ("employee_count", "Number of employees", "int"),
                      ("owner_id", "Owner", "user")),
    "deals": (("title", "Title", "varchar"), ("value", "Value", "monetary"), ("stage_id", "Stage", "stage"),
              ("status", "Status", "status"), ("lost_reason", "Lost reason", "varchar_options"),
              ("person_id", "Contact person", "people"), ("org_id", "Organization", "org")),
    "activities": (("subject", "Subject", "varchar"), ("type", "Type", "enum"), ("due_date", "Due date", "date"),
                   ("done", "Done", "boolean")),
}  # fmt: skip


def definitions(name: str) -> list[Json]:
    """The fields of one kind of record, as the fields endpoints tell them."""
    standard = [
        _definition(code, label, kind, INDUSTRY_IDS if code == "industry" else {})
        for code, label, kind in _STANDARD[name]
    ]
    own = [_definition(each.key, each.name, each.type, each.option_ids, custom=True) for each in CUSTOM[name]]
    return [*standard, *own]


def _definition(code: str, label: str, kind: str, options: dict[str, int], *, custom: bool = False) -> Json:
    return {
        "field_name": label,
        "field_code": code,
        "description": "",
        "field_type": kind,
        "options": [{"id": number, "label": name} for name, number in options.items()] or None,
        "subfields": None,
        "is_custom_field": custom,
        "is_optional_response_field": False,
    }
