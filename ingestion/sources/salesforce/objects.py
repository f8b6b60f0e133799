"""Salesforce's names: which field of which object fills which column, and which of them an org names itself.

Never asked for: names and phones of leads and contacts, and compound fields, which hold both.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ingestion.http import Json
from ingestion.privacy import Hasher, company_domain, is_role_address, without_addresses
from ingestion.rows import Convert
from ingestion.sources.salesforce.settings import SalesforceSettings

PREFIX = "SOURCES__SALESFORCE__"
PERCENT = 100
# Fields that not every org has: of several currencies, of person accounts, and one some orgs hide from everybody.
OPTIONAL = ("CurrencyIsoCode", "Type", "IsPersonAccount")


@dataclass(frozen=True)
class ObjectType:
    """One object and its lake table. columns: the first of a column's fields that says something fills it. changed: the
    field that moves with the record. deletes: it has a recycle bin. settings: who named a field of the org's own.
    """

    name: str
    table: str
    key: str
    columns: Mapping[str, tuple[str, ...]]
    changed: str = "SystemModstamp"
    deletes: bool = True
    always: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> list[str]:
        """The fields to ask for, in a fixed order."""
        known = {name for names in self.columns.values() for name in names}
        return ["Id", *sorted(known | {self.changed} | ({"IsDeleted"} if self.deletes else set()))]

    @property
    def made_by(self) -> dict[str, str]:
        """What settings say of its rows: the columns that fields of the org's own fill, and the org's one currency."""
        own = {
            column: ",".join(names)
            for column, names in self.columns.items()
            if not self.settings.keys().isdisjoint(names)
        }
        currency = self.always.get("currency")
        return {**own, "currency": currency} if currency else own

    def within(self, schema: Container[str]) -> "ObjectType":
        """Without the optional fields that this org does not have."""
        absent = {name for name in OPTIONAL if name not in schema and name not in self.settings}
        columns = {
            column: tuple(name for name in names if name not in absent) for column, names in self.columns.items()
        }
        return replace(self, columns=columns)

    def row(self, record: Json) -> dict[str, Any]:
        """The record by lake columns, values as Salesforce sent them; a percentage becomes a share."""
        values: dict[str, Any] = dict(self.always)
        for column, names in self.columns.items():
            for name in names:
                found = record.get(name)
                if found is not None and found != "":
                    values[column] = found
                    break
        if isinstance(values.get("probability"), int | float | Decimal):
            values["probability"] /= PERCENT
        if values.get("is_person"):
            values.pop("name", None)  # a person's own
        values[self.key] = record.get("Id")
        if self.deletes:
            values["archived"] = record.get("IsDeleted")
        return values


def object_types(settings: SalesforceSettings) -> tuple[ObjectType, ...]:
    """Everything that is pulled, with the fields the settings name."""
    own = _Own(settings)
    person = {
        "email_hash": "Email",
        "email_domain": "Email",
        "is_role_address": "Email",
        "owner_id": "OwnerId",
        "lead_source": "LeadSource",
        "merged_into": "MasterRecordId",
        "lifecycle_stage": own("lifecycle_field"),
        "lead_at": own("lead_date_field"),
        "mql_at": own("mql_date_field"),
        "sql_at": own("sql_date_field"),
        "opportunity_at": own("opportunity_date_field"),
        "customer_at": own("customer_date_field"),
        "client_id": own("client_id_field"),
        "user_key_hash": own("user_key_field"),
        "is_test": own("is_test_field"),
    }
    money = {"currency": "CurrencyIsoCode"}
    currency = {"currency": settings.currency or None}
    about = {"owner_id": "OwnerId", "who_id": "WhoId", "what_id": "WhatId", "account_id": "AccountId"}
    deal_type = {"object_type": "deal"}
    return (
        own.object(
            "Lead", "leads", "lead_id",
            {
                **person, "country": "Country", "company": "Company", "website": "Website",
                "employees": "NumberOfEmployees", "segment": own("lead_segment_field"), "status": "Status",
                "is_converted": "IsConverted", "converted_on": "ConvertedDate",
                "converted_contact_id": "ConvertedContactId", "converted_account_id": "ConvertedAccountId",
            },
        ),
        own.object(
            "Contact", "contacts", "contact_id", {**person, "country": "MailingCountry", "account_id": "AccountId"}
        ),
        own.object(
            "Account", "accounts", "account_id",
            {
                "name": "Name", "domain": "Website", "country": "BillingCountry", "employees": "NumberOfEmployees",
                "industry": "Industry", "segment": own("segment_field"), "owner_id": "OwnerId",
                "merged_into": "MasterRecordId", "is_person": "IsPersonAccount",
            },
        ),
        own.object(
            "Opportunity", "opportunities", "opportunity_id",
            {
                **money, "account_id": "AccountId", "name": "Name", "stage": "StageName", "amount": "Amount",
                "owner_id": "OwnerId", "close_on": "CloseDate", "is_closed": "IsClosed", "is_won": "IsWon",
                "probability": "Probability", "campaign_id": "CampaignId", "lead_source": "LeadSource",
                "lost_reason": own("lost_reason_field"), "recurring_amount": own("recurring_amount_field"),
                "partner": own("partner_field"), "imported_id": own("imported_id_field"),
            },
            always=currency,
        ),
        own.object(
            "OpportunityHistory", "opportunity_history", "history_id",
            {
                "opportunity_id": "OpportunityId", "stage": "StageName", "amount": "Amount", "close_on": "CloseDate",
                "probability": "Probability",
            },
            # Changes are added, none is ever changed.
            changed="CreatedDate", always=deal_type,
        ),
        own.object(
            "OpportunityContactRole", "opportunity_contact_roles", "role_id",
            {"opportunity_id": "OpportunityId", "contact_id": "ContactId", "role": "Role", "is_primary": "IsPrimary"},
            always={"from_type": "deal"},
        ),
        own.object(
            "Campaign", "campaigns", "campaign_id",
            {
                **money, "name": "Name", "type": "Type", "status": "Status", "is_active": "IsActive",
                "starts_on": "StartDate", "ends_on": "EndDate",
            },
            always=currency,
        ),
        own.object(
            "CampaignMember", "campaign_members", "member_id",
            {
                "campaign_id": "CampaignId", "lead_id": "LeadId", "contact_id": "ContactId", "status": "Status",
                "has_responded": "HasResponded", "responded_on": "FirstRespondedDate",
            },
        ),
        own.object(
            "User", "users", "user_id",
            {"first_name": "FirstName", "last_name": "LastName", "team": "Department", "is_active": "IsActive"},
            deletes=False,
        ),
        own.object(
            "Task", "tasks", "task_id",
            {
                **about, "kind": "TaskSubtype", "status": "Status", "disposition": "CallDisposition",
                "direction": ("CallType", own("direction_field")), "duration_seconds": "CallDurationInSeconds",
                "due_on": "ActivityDate", "start_at": own("activity_start_field"),
                "completed_at": "CompletedDateTime", "is_pattern": "IsRecurrence",
            },
        ),
        own.object(
            "Event", "events", "event_id",
            {
                **about, "kind": own("meeting_kind_field") or "Type", "outcome": own("meeting_outcome_field"),
                "start_at": "StartDateTime", "end_at": "EndDateTime", "is_child": "IsChild",
                "is_pattern": "IsRecurrence",
            },
        ),
        own.object(
            "Contract", "contracts", "contract_id",
            {
                **money, "account_id": "AccountId", "status": "Status", "starts_on": "StartDate", "ends_on": "EndDate",
                "recurring_amount": own("contract_amount_field"),
            },
            always=currency,
        ),
        own.object(
            "OpportunityStage", "opportunity_stages", "stage_record_id",
            {
                "stage_name": "ApiName", "label": "MasterLabel", "display_order": "SortOrder",
                "probability": "DefaultProbability", "is_closed": "IsClosed", "is_won": "IsWon",
                "is_active": "IsActive",
            },
            deletes=False,
        ),
    )  # fmt: skip


class _Own:
    """Names of the org's own fields by the settings that give them; an empty one leaves its column null."""

    def __init__(self, settings: SalesforceSettings) -> None:
        self._settings, self._named = settings, dict[str, str]()

    def __call__(self, setting: str) -> str:
        name: str = getattr(self._settings, setting)
        if name:
            self._named[name] = PREFIX + setting.upper()
        return name

    def object(
        self, name: str, table: str, key: str, columns: Mapping[str, str | tuple[str, ...]], **more: Any
    ) -> ObjectType:
        """The object with what every table holds."""
        changed = more.get("changed", "SystemModstamp")
        every = {"created_at": "CreatedDate"} if changed == "CreatedDate" else {
            "created_at": "CreatedDate", "updated_at": changed,
        }  # fmt: skip
        fields = {
            column: tuple(filter(None, (names,) if isinstance(names, str) else names))
            for column, names in {**columns, **every}.items()
        }
        known = {each for names in fields.values() for each in names}
        settings = {each: setting for each, setting in self._named.items() if each in known}
        return ObjectType(name, table, key, fields, settings=settings, **more)


def converters(hasher: Hasher) -> Mapping[str, Mapping[str, Convert]]:
    """What Salesforce's texts become before anything is written."""
    person = {
        "email_hash": hasher.email,
        "email_domain": company_domain,
        "is_role_address": is_role_address,
        "user_key_hash": hasher.identifier,
        "lead_source": without_addresses,
    }
    return {
        "leads": {**person, **dict.fromkeys(("company", "website", "segment"), without_addresses)},
        "contacts": person,
        "accounts": {"name": without_addresses, "segment": without_addresses, "domain": domain_of},
        "opportunities": dict.fromkeys(("name", "lost_reason", "partner"), without_addresses),
        "campaigns": {"name": without_addresses},
        "tasks": {"kind": str.lower, "disposition": without_addresses},
    }


def domain_of(website: str) -> str | None:
    """Domain of a website as people type it: with or without scheme, `www.` and path."""
    host = urlsplit(website if "//" in website else f"//{website}").hostname or ""
    domain = host.strip().lower().removeprefix("www.")
    return domain if "." in domain else None
