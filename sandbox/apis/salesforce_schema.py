"""Salesforce's vocabulary: objects with their key prefixes, and their fields with Salesforce's own types.

Belongs here: names and types, and what a describe says of them. Does not: values (`salesforce_people` and the files
beside it). Fields ending in `__c` are this company's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.apis.answers import Json

API_VERSIONS = range(31, 68)
# Fields that stand for several others: a Bulk query refuses them.
COMPOUND = "address"
_PERSON = {
    "OwnerId": "reference", "LeadSource": "picklist", "Email": "email", "Phone": "phone", "FirstName": "string",
    "LastName": "string", "Name": "string", "Lifecycle_Stage__c": "picklist", "Lead_Date__c": "datetime",
    "MQL_Date__c": "datetime", "SQL_Date__c": "datetime", "Opportunity_Date__c": "datetime",
    "Customer_Date__c": "datetime", "Is_Test__c": "boolean", "GA_Client_Id__c": "string",
    "Matomo_Visitor_Id__c": "string", "User_Key__c": "string", "MasterRecordId": "reference",
}  # fmt: skip
_ACTIVITY = {
    "OwnerId": "reference", "WhoId": "reference", "WhatId": "reference", "AccountId": "reference",
    "Subject": "combobox", "Type": "picklist", "ActivityDate": "date", "IsArchived": "boolean",
    "IsRecurrence": "boolean", "RecurrenceActivityId": "reference",
}  # fmt: skip
_MONEY = {"CurrencyIsoCode": "picklist"}


@dataclass(frozen=True)
class ObjectType:
    """One object: its key prefix, its fields with their types. deletes: it has a recycle bin."""

    name: str
    prefix: str
    own: dict[str, str]
    deletes: bool = True

    @property
    def fields(self) -> dict[str, str]:
        audit = {"CreatedDate": "datetime", "LastModifiedDate": "datetime", "SystemModstamp": "datetime"}
        return {"Id": "id", **({"IsDeleted": "boolean"} if self.deletes else {}), **self.own, **audit}


OBJECTS: dict[str, ObjectType] = {
    kind.name: kind
    for kind in (
        ObjectType(
            "Lead", "00Q",
            {
                **_PERSON, "Company": "string", "Website": "url", "Country": "string", "Address": COMPOUND,
                "NumberOfEmployees": "int", "Segment__c": "picklist", "Status": "picklist", "IsConverted": "boolean",
                "ConvertedDate": "date", "ConvertedContactId": "reference", "ConvertedAccountId": "reference",
                "ConvertedOpportunityId": "reference", **_MONEY,
            },
        ),
        ObjectType(
            "Contact", "003",
            {**_PERSON, "AccountId": "reference", "MailingCountry": "string", "MailingAddress": COMPOUND, **_MONEY},
        ),
        ObjectType(
            "Account", "001",
            {
                "Name": "string", "Website": "url", "BillingCountry": "string", "BillingAddress": COMPOUND,
                "NumberOfEmployees": "int", "Industry": "picklist", "Segment__c": "picklist", "OwnerId": "reference",
                "MasterRecordId": "reference", **_MONEY,
            },
        ),
        ObjectType(
            "Opportunity", "006",
            {
                "AccountId": "reference", "Name": "string", "StageName": "picklist", "Amount": "currency",
                "CloseDate": "date", "OwnerId": "reference", "IsClosed": "boolean", "IsWon": "boolean",
                "Probability": "percent", "ForecastCategory": "picklist", "CampaignId": "reference",
                "LeadSource": "picklist", "Lost_Reason__c": "picklist", "MRR__c": "currency", "Partner__c": "picklist",
                "Id_In_CRM_Before__c": "string", "Account_Country__c": "string", **_MONEY,
            },
        ),
        ObjectType(
            "OpportunityHistory", "008",
            {
                "OpportunityId": "reference", "StageName": "picklist", "Amount": "currency", "CloseDate": "date",
                "Probability": "percent", **_MONEY,
            },
        ),
        ObjectType(
            "OpportunityContactRole", "00K",
            {"OpportunityId": "reference", "ContactId": "reference", "Role": "picklist", "IsPrimary": "boolean"},
        ),
        ObjectType(
            "Campaign", "701",
            {
                "Name": "string", "Type": "picklist", "Status": "picklist", "IsActive": "boolean", "StartDate": "date",
                "EndDate": "date", "OwnerId": "reference", **_MONEY,
            },
        ),
        ObjectType(
            "CampaignMember", "00v",
            {
                "CampaignId": "reference", "LeadId": "reference", "ContactId": "reference", "Status": "picklist",
                "HasResponded": "boolean", "FirstRespondedDate": "date",
            },
        ),
        ObjectType(
            "User", "005",
            {
                "FirstName": "string", "LastName": "string", "Name": "string", "Email": "email",
                "Department": "string", "IsActive": "boolean", "UserType": "picklist",
            },
            deletes=False,
        ),
        ObjectType(
            "Task", "00T",
            {
                **_ACTIVITY, "TaskSubtype": "picklist", "Status": "picklist", "IsClosed": "boolean",
                "CompletedDateTime": "datetime", "CallType": "picklist", "CallDisposition": "string",
                "CallDurationInSeconds": "int", "Started_At__c": "datetime", "Direction__c": "picklist",
            },
        ),
        ObjectType(
            "Event", "00U",
            {
                **_ACTIVITY, "StartDateTime": "datetime", "EndDateTime": "datetime", "Meeting_Kind__c": "picklist",
                "Meeting_Outcome__c": "picklist", "IsChild": "boolean",
            },
        ),
        ObjectType(
            "Contract", "800",
            {
                "AccountId": "reference", "Status": "picklist", "StartDate": "date", "EndDate": "date",
                "MRR__c": "currency", "Plan__c": "picklist", **_MONEY,
            },
        ),
        ObjectType(
            "OpportunityStage", "01J",
            {
                "MasterLabel": "string", "ApiName": "string", "IsActive": "boolean", "SortOrder": "int",
                "IsClosed": "boolean", "IsWon": "boolean", "DefaultProbability": "percent",
                "ForecastCategoryName": "picklist",
            },
            deletes=False,
        ),
    )
}  # fmt: skip
# Computed when they are asked for: a change of what they are made of is no change of the record.
FORMULAS = {"Opportunity": ("Account_Country__c",)}
# Activities end in the archive after a year: queries leave them out, queryAll does not.
ARCHIVED = ("Task", "Event")
_SPELLINGS = {name.lower(): name for name in OBJECTS}


def object_named(spelling: str, hidden: frozenset[str]) -> ObjectType | None:
    """The object of that name, in any case; None where there is none, or the user may not see it."""
    name = _SPELLINGS.get(spelling.lower())
    return None if name is None or name in hidden else OBJECTS[name]


def fields_of(kind: ObjectType, hidden: frozenset[str]) -> dict[str, str]:
    """The fields that field-level security lets the user see."""
    return {name: type_ for name, type_ in kind.fields.items() if f"{kind.name}.{name}" not in hidden}


def describe(kind: ObjectType, hidden: frozenset[str]) -> Json:
    formulas = FORMULAS.get(kind.name, ())
    fields = [
        {
            "name": name, "type": type_, "label": name.removesuffix("__c").replace("_", " "),
            "custom": name.endswith("__c"), "nillable": name not in ("Id", "CreatedDate", "SystemModstamp"),
            "filterable": type_ != COMPOUND, "sortable": type_ != COMPOUND, "calculated": name in formulas,
            "createable": False, "updateable": False, "picklistValues": [], "referenceTo": [],
        }
        for name, type_ in fields_of(kind, hidden).items()
    ]  # fmt: skip
    return {**summary(kind), "fields": fields}


def summary(kind: ObjectType) -> Json:
    """What the list of all objects says of one."""
    return {
        "name": kind.name, "label": kind.name, "labelPlural": f"{kind.name}s", "keyPrefix": kind.prefix,
        "custom": False, "queryable": True, "retrieveable": True, "searchable": True, "replicateable": True,
        "createable": False, "updateable": False, "deletable": False,
    }  # fmt: skip
