"""Who is a lead and who a contact in Salesforce, and the records of both.

Flow: `Snapshot → People → columns`. A person is a lead until qualified (SQL or opportunity, the earlier), then the lead
is converted; customers of the time before the CRM came in as contacts. A merge deletes the loser and names the
survivor; a lead whose survivor was a contact already is converted into it. Salesforce would delete along with a person
or a deal what hangs on it; here it stays and points at what was deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.apis.answers import texts
from sandbox.apis.salesforce_companies import Companies
from sandbox.apis.salesforce_values import NEVER, Columns, id_of, local_days, micros, moment_texts, wholes_of
from sandbox.apis.visitors import visitor_id
from sandbox.world import catalogue as cat

LIFECYCLE = {"Lead": "lead_at", "MQL": "mql_at", "SQL": "sql_at", "Opportunity": "opportunity_at",
             "Customer": "customer_at"}  # fmt: skip
STAGES = dict(zip(LIFECYCLE, cat.LIFECYCLE[1:], strict=True))
QUALIFIED = ("sql_at", "opportunity_at", "customer_at")
# Salesforce insists on a company for every lead.
NO_COMPANY = "[not provided]"


class People:
    """Every contact of the company: what it is in Salesforce, since when, and what changed it last."""

    def __init__(self, snapshot: Any) -> None:
        self.snapshot, self.frame = snapshot, snapshot.contacts
        frame = self.frame
        self.ids = texts(frame["contact_id"])
        self.row = {each: row for row, each in enumerate(self.ids)}
        self.into = texts(frame["merged_into"])
        self.created, self.updated = micros(frame["created_at"]).tolist(), micros(frame["updated_at"]).tolist()
        archived = micros(frame["archived_at"]).tolist()
        self.is_archived = [moment < NEVER for moment in archived]
        # Nothing of a merged or deleted record changes any more.
        self.ends = [
            updated if into is not None else gone
            for updated, into, gone in zip(self.updated, self.into, archived, strict=True)
        ]
        self.converted = self._converted()
        self.joined = [0] * len(self.ids)
        self._merge()
        self.is_contact = [moment < NEVER for moment in self.converted]
        self.stages, self.dates = self._lifecycle()
        self.was_lead = [born < moment for born, moment in zip(self.created, self.converted, strict=True)]

    def _converted(self) -> list[int]:
        """When each became a contact; NEVER for who is a lead still."""
        dates = [micros(self.frame[name]).tolist() for name in QUALIFIED]
        tracked = [micros(self.frame[name]).tolist() for name in LIFECYCLE.values()]
        stages = texts(self.frame["lifecycle_stage"])
        found = []
        for row, born in enumerate(self.created):
            moment = min(column[row] for column in dates)
            if stages[row] == "customer" and all(column[row] >= NEVER for column in tracked):
                moment = born
            found.append(max(moment, born) if moment < self.ends[row] else NEVER)
        return found

    def _lifecycle(self) -> tuple[list[str | None], Columns]:
        """Lifecycle stages and their dates, as far as each came before it was deleted or merged."""
        stages = texts(self.frame["lifecycle_stage"])
        planned = {name: micros(self.frame[column]).tolist() for name, column in LIFECYCLE.items()}
        dates: Columns = {name: [] for name in planned}
        for row, end in enumerate(self.ends):
            kept = {name: moments[row] if moments[row] < end else NEVER for name, moments in planned.items()}
            for name, moment in kept.items():
                dates[name].append(moment)
            if any(kept[name] != moments[row] for name, moments in planned.items()):
                stages[row] = next((STAGES[name] for name in reversed(kept) if kept[name] < NEVER), "subscriber")
        return stages, dates

    def _merge(self) -> None:
        """A contact lives on in a contact only: its survivor is one from the merge on at the latest."""
        losers = [row for row, into in enumerate(self.into) if into is not None and into in self.row]
        for row in sorted(losers, key=lambda row: self.updated[row]):
            survivor, moment = self.row[self.into[row]], self.updated[row]
            self.joined[survivor] = max(self.joined[survivor], moment)
            if self.converted[row] <= moment:
                self.converted[survivor] = min(self.converted[survivor], moment)

    def was_merged_into_contact(self, row: int) -> bool:
        """Whether it was merged into somebody who was a contact by then."""
        into = self.into[row]
        return into in self.row and self.converted[self.row[into]] <= self.updated[row]

    def who(self, contact: str | None, at: int = NEVER) -> tuple[str | None, int]:
        """The lead or contact a person is, or was at some time, and when that last changed."""
        row, moved = self.row.get(contact), 0
        while row is not None and self.into[row] in self.row:
            moved, row = max(moved, self.updated[row]), self.row[self.into[row]]
        if row is None:
            return None, moved
        moved = max(moved, self.joined[row])
        if self.is_contact[row] and self.converted[row] <= at:
            return id_of("003", self.ids[row]), max(moved, self.converted[row])
        return id_of("00Q", self.ids[row]), moved

    def contact_id(self, contact: str | None) -> str | None:
        """Salesforce's contact of a person, None where that is a lead."""
        row = self.row.get(contact)
        return id_of("003", contact) if row is not None and self.is_contact[row] else None


def _person(people: People, rows: Sequence[int]) -> Columns:
    """What leads and contacts say alike."""
    frame = people.frame.iloc[list(rows)]
    clients = texts(frame["ga_client_id"])
    names = zip(texts(frame["first_name"]), texts(frame["last_name"]), strict=True)
    return {
        "OwnerId": [id_of("005", each) for each in texts(frame["owner_id"])],
        "LeadSource": ["Other" if each == cat.OFFLINE else "Web" for each in texts(frame["lead_source"])],
        "Email": texts(frame["email"]),
        "Phone": texts(frame["phone"]),
        "FirstName": texts(frame["first_name"]),
        "LastName": texts(frame["last_name"]),
        "Name": [f"{first} {last}" for first, last in names],
        "Lifecycle_Stage__c": [people.stages[row] for row in rows],
        **{f"{name}_Date__c": moment_texts(dates[row] for row in rows) for name, dates in people.dates.items()},
        "Is_Test__c": [bool(flag) for flag in frame["is_test"]],
        "GA_Client_Id__c": clients,
        "Matomo_Visitor_Id__c": [None if client is None else visitor_id(client) for client in clients],
        "User_Key__c": texts(frame["user_key"]),
    }


def leads(people: People, companies: Companies) -> Columns:
    """Everybody who was a lead once. An automation keeps a lead's fields as the contact's, also after conversion."""
    rows = [row for row in range(len(people.ids)) if people.was_lead[row]]
    frame = people.frame.iloc[rows]
    firms = companies.frame.drop_duplicates("company_id").set_index("company_id")
    own = [each if each in firms.index else None for each in texts(frame["company_id"])]
    told = ("name", "domain", "segment")
    of_firm = {name: dict(zip(firms.index, texts(firms[name]), strict=True)) for name in told}
    employees = dict(zip(firms.index, wholes_of(firms["employees"]), strict=True))
    turned = [people.is_contact[row] or people.was_merged_into_contact(row) for row in rows]
    merged = [people.into[row] is not None and not now for now, row in zip(turned, rows, strict=True)]
    at = [
        (people.converted[row] if people.is_contact[row] else people.updated[row]) if now else NEVER
        for now, row in zip(turned, rows, strict=True)
    ]
    touched = [
        max(
            people.updated[row],
            people.joined[row],
            companies.updated.get(firm, 0),
            moment if moment < NEVER else 0,
        )
        for row, firm, moment in zip(rows, own, at, strict=True)
    ]
    contact = [
        id_of("003", people.ids[row] if people.is_contact[row] else people.into[row]) if now else None
        for now, row in zip(turned, rows, strict=True)
    ]
    updated = moment_texts(touched)
    worked = [people.dates["MQL"][row] < NEVER for row in rows]
    return {
        **_person(people, rows),
        "Id": [id_of("00Q", people.ids[row]) for row in rows],
        "IsDeleted": [
            (people.is_archived[row] and not now) or gone for row, now, gone in zip(rows, turned, merged, strict=True)
        ],
        "MasterRecordId": [
            id_of("00Q", people.into[row]) if gone else None for row, gone in zip(rows, merged, strict=True)
        ],
        "Company": [of_firm["name"].get(firm) or NO_COMPANY for firm in own],
        "Website": [f"https://www.{domain}" if (domain := of_firm["domain"].get(firm)) else None for firm in own],
        "Country": texts(frame["country"]),
        "NumberOfEmployees": [employees.get(firm) for firm in own],
        "Segment__c": [of_firm["segment"].get(firm) for firm in own],
        "Status": [
            "Closed - Converted" if now else "Working - Contacted" if known else "Open - Not Contacted"
            for now, known in zip(turned, worked, strict=True)
        ],
        "IsConverted": turned,
        "ConvertedDate": local_days(at),
        "ConvertedContactId": contact,
        "ConvertedAccountId": [
            companies.account(firm)[0] if now else None for firm, now in zip(own, turned, strict=True)
        ],
        "CreatedDate": moment_texts(people.created[row] for row in rows),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def contacts(people: People, companies: Companies) -> Columns:
    rows = [row for row in range(len(people.ids)) if people.is_contact[row]]
    frame = people.frame.iloc[rows]
    placed = [companies.account(company) for company in texts(frame["company_id"])]
    updated = moment_texts(
        max(people.updated[row], people.joined[row], people.converted[row], moved)
        for row, (_, moved) in zip(rows, placed, strict=True)
    )
    return {
        **_person(people, rows),
        "Id": [id_of("003", people.ids[row]) for row in rows],
        "IsDeleted": [people.is_archived[row] or people.into[row] is not None for row in rows],
        "MasterRecordId": [id_of("003", people.into[row]) for row in rows],
        "AccountId": [account for account, _ in placed],
        "MailingCountry": texts(frame["country"]),
        "CreatedDate": moment_texts(people.converted[row] for row in rows),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }
