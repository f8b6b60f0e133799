"""What Salesforce holds of sales: opportunities with their history and people, their stages, and users.

Flow: `Snapshot + People + Companies → columns`. Belongs here: values. Who is a lead and who a contact:
`salesforce_people`.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from sandbox.apis.answers import texts
from sandbox.apis.salesforce_companies import Companies
from sandbox.apis.salesforce_people import People
from sandbox.apis.salesforce_values import (
    Columns,
    id_of,
    local_days,
    made_id,
    micros,
    moment_texts,
    numbers_of,
    wholes_of,
)


def users(snapshot: Any) -> Columns:
    frame = snapshot.owners
    updated = moment_texts(micros(frame["updated_at"]))
    first, last = texts(frame["first_name"]), texts(frame["last_name"])
    return {
        "Id": [id_of("005", each) for each in texts(frame["owner_id"])],
        "FirstName": first,
        "LastName": last,
        "Name": [f"{one} {other}" for one, other in zip(first, last, strict=True)],
        "Email": texts(frame["email"]),
        "Department": texts(frame["team"]),
        "IsActive": [not gone for gone in frame["archived"]],
        "UserType": ["Standard"] * len(frame),
        "CreatedDate": moment_texts(micros(frame["created_at"])),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def stages(snapshot: Any) -> Columns:
    frame = snapshot.pipelines
    updated, names = moment_texts(micros(frame["updated_at"])), texts(frame["label"])
    return {
        "Id": [made_id("01J", each) for each in texts(frame["stage_id"])],
        "MasterLabel": names,
        "ApiName": names,
        "IsActive": [True] * len(frame),
        "SortOrder": wholes_of(frame["display_order"] + 1),
        "IsClosed": [bool(flag) for flag in frame["is_closed"]],
        "IsWon": [bool(flag) for flag in frame["is_won"]],
        "DefaultProbability": _percent(frame["probability"]),
        "ForecastCategoryName": _forecast(frame),
        "CreatedDate": updated,
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def _percent(shares: pd.Series) -> list[float | None]:
    return [None if share is None else round(share * 100, 2) for share in numbers_of(shares)]


def _forecast(pipelines: pd.DataFrame) -> list[str]:
    states = zip(pipelines["is_closed"], pipelines["is_won"], strict=True)
    return ["Closed" if won else "Omitted" if closed else "Pipeline" for closed, won in states]


def _by_stage(snapshot: Any, ids: list[str | None]) -> Columns:
    """What a stage says of the deals in it."""
    frame, known = snapshot.pipelines, stages(snapshot)
    place = {each: row for row, each in enumerate(texts(frame["stage_id"]))}
    rows = [place.get(each) for each in ids]
    named = {
        "StageName": "ApiName", "IsClosed": "IsClosed", "IsWon": "IsWon", "Probability": "DefaultProbability",
        "ForecastCategory": "ForecastCategoryName",
    }  # fmt: skip
    return {ours: [None if row is None else known[theirs][row] for row in rows] for ours, theirs in named.items()}


def opportunities(snapshot: Any, companies: Companies) -> Columns:
    frame = snapshot.deals
    placed = [companies.account(each) for each in texts(frame["company_id"])]
    touched = [
        max(moment, moved) for moment, (_, moved) in zip(micros(frame["updated_at"]).tolist(), placed, strict=True)
    ]
    updated, accounts = moment_texts(touched), (id_of("001", each) for each in companies.ids)
    countries = dict(zip(accounts, texts(companies.frame["country"]), strict=True))
    return {
        **_by_stage(snapshot, texts(frame["stage"])),
        "Id": [id_of("006", each) for each in texts(frame["deal_id"])],
        "IsDeleted": frame["archived_at"].notna().tolist(),
        "AccountId": [account for account, _ in placed],
        "Name": texts(frame["name"]),
        "Amount": numbers_of(frame["amount"]),
        "CurrencyIsoCode": texts(frame["currency"]),
        "CloseDate": local_days(micros(frame["close_date"]).tolist()),
        "OwnerId": [id_of("005", each) for each in texts(frame["owner_id"])],
        "Lost_Reason__c": texts(frame["lost_reason"]),
        "MRR__c": numbers_of(frame["mrr"]),
        "Partner__c": texts(frame["partner"]),
        # Filled where the company moved here from another CRM (`move`).
        "Id_In_CRM_Before__c": texts(frame["imported_id"]) if "imported_id" in frame else [None] * len(frame),
        "Account_Country__c": [countries.get(account) for account, _ in placed],
        "CreatedDate": moment_texts(micros(frame["created_at"])),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def history(snapshot: Any) -> Columns:
    """One row per moment at which stage or amount changed, with both as they were from then on."""
    changes = snapshot.property_history
    changes = changes[(changes["object_type"] == "deal") & changes["property"].isin(["dealstage", "amount"])]
    wide = changes.pivot_table(index=["object_id", "changed_at"], columns="property", values="value", aggfunc="last")
    wide = wide.reindex(columns=["dealstage", "amount"]).groupby(level="object_id").ffill().reset_index()
    deals = snapshot.deals.drop_duplicates("deal_id").set_index("deal_id")
    wide = wide[wide["object_id"].isin(deals.index)].reset_index(drop=True)
    own, at = texts(wide["object_id"]), micros(wide["changed_at"]).tolist()
    by_stage = _by_stage(snapshot, texts(wide["dealstage"]))
    moments = moment_texts(at)
    return {
        **{name: by_stage[name] for name in ("StageName", "Probability")},
        "Id": [made_id("008", deal, moment) for deal, moment in zip(own, at, strict=True)],
        "IsDeleted": [False] * len(wide),
        "OpportunityId": [id_of("006", each) for each in own],
        "Amount": numbers_of(wide["amount"].astype(float)),
        "CurrencyIsoCode": texts(wide["object_id"].map(deals["currency"])),
        "CreatedDate": moments,
        "LastModifiedDate": moments,
        "SystemModstamp": moments,
    }


def roles(snapshot: Any, people: People) -> Columns:
    """Who is in a deal. A lead is in none; a merged contact's role is gone with it where its survivor has one."""
    frame = snapshot.deal_contacts
    opened = dict(zip(texts(snapshot.deals["deal_id"]), micros(snapshot.deals["created_at"]).tolist(), strict=True))
    kept: dict[tuple[str, str], tuple[int, int]] = {}
    entries = zip(texts(frame["deal_id"]), texts(frame["contact_id"]), frame["position"], strict=True)
    for deal, person, position in sorted(entries, key=lambda entry: (str(entry[0]), entry[2])):
        who, moved = people.who(person)
        row = people.row.get(person)
        if who is not None and row is not None and who.startswith("003") and deal in opened:
            since = max(opened[deal], people.created[row])
            kept.setdefault((str(deal), who), (int(position), max(since, moved)))
    updated = moment_texts(moment for _, moment in kept.values())
    return {
        # Ids ascend as people were added: the position is their order.
        "Id": [
            id_of("00K", str(int(deal) * 1_000_000 + position * 10_000 + _tail(who)))
            for (deal, who), (position, _) in kept.items()
        ],
        "IsDeleted": [False] * len(kept),
        "OpportunityId": [id_of("006", deal) for deal, _ in kept],
        "ContactId": [who for _, who in kept],
        "Role": ["Decision Maker" if not position else "Other" for position, _ in kept.values()],
        "IsPrimary": [not position for position, _ in kept.values()],
        "CreatedDate": updated,
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def _tail(who: str) -> int:
    """Tells the roles of a deal apart whatever their positions."""
    return sum(map(ord, who)) % 10_000
