"""Salesforce's accounts and their contracts, and which account a merged company became.

Flow: `Snapshot → Companies → columns`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.apis.answers import texts
from sandbox.apis.merges import survivors
from sandbox.apis.salesforce_values import (
    NEVER,
    Columns,
    day_texts,
    id_of,
    micros,
    midnights,
    moment_texts,
    numbers_of,
    wholes_of,
)  # fmt: skip


class Companies:
    """Accounts by the company's ids: who a merged one became, and when."""

    def __init__(self, snapshot: Any) -> None:
        self.frame = snapshot.companies
        self.ids = texts(self.frame["company_id"])
        self.updated = dict(zip(self.ids, micros(self.frame["updated_at"]).tolist(), strict=True))
        self._final = survivors(self.frame, "company_id")

    def account(self, company: str | None) -> tuple[str | None, int]:
        """The account a company is now, and when its merge moved what belongs to it."""
        if company in self._final:
            return id_of("001", self._final[company]), self.updated[company]
        return id_of("001", company), 0


def accounts(companies: Companies) -> Columns:
    frame = companies.frame
    updated = moment_texts(companies.updated[each] for each in companies.ids)
    merged = texts(frame["merged_into"])
    archived = frame["archived_at"].notna().tolist()
    return {
        "Id": [id_of("001", each) for each in companies.ids],
        "IsDeleted": [gone or into is not None for gone, into in zip(archived, merged, strict=True)],
        "MasterRecordId": [id_of("001", into) for into in merged],
        "Name": texts(frame["name"]),
        "Website": [f"https://www.{domain}" if domain else None for domain in texts(frame["domain"])],
        "BillingCountry": texts(frame["country"]),
        "NumberOfEmployees": wholes_of(frame["employees"]),
        "Industry": texts(frame["industry"]),
        "Segment__c": texts(frame["segment"]),
        "CreatedDate": moment_texts(micros(frame["created_at"])),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def contracts(snapshot: Any, companies: Companies) -> Columns:
    """Contracts that have begun; the snapshot tells no other change of them than their beginning and end."""
    frame = snapshot.subscriptions
    placed = [companies.account(each) for each in texts(frame["company_id"])]
    begun, ended = midnights(frame["started_on"]), midnights(frame["ended_on"])
    last = np.where(ended < NEVER, ended, begun).tolist()
    updated = moment_texts(max(moment, moved) for moment, (_, moved) in zip(last, placed, strict=True))
    return {
        "Id": [id_of("800", (each or "").removeprefix("sub_") or None) for each in texts(frame["subscription_id"])],
        "IsDeleted": [False] * len(frame),
        "AccountId": [account for account, _ in placed],
        "Status": ["Expired" if moment < NEVER else "Activated" for moment in ended.tolist()],
        "StartDate": day_texts(frame["started_on"]),
        "EndDate": day_texts(frame["ended_on"]),
        "MRR__c": numbers_of(frame["mrr"]),
        "Plan__c": texts(frame["plan"]),
        "CurrencyIsoCode": texts(frame["currency"]),
        "CreatedDate": moment_texts(begun),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }
