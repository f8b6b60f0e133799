"""Salesforce's campaigns, one per campaign that ads were bought for, and who came in by one: people whose form was sent
from a visit that such a campaign began.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from sandbox.apis.answers import texts
from sandbox.apis.salesforce_people import People
from sandbox.apis.salesforce_values import (
    Columns,
    day_texts,
    id_of,
    local_days,
    made_id,
    micros,
    midnights,
    moment_texts,
)


def _campaign_days(snapshot: Any) -> pd.Series:
    first: pd.Series = snapshot.ad_spend.groupby("campaign")["date"].min().sort_index()
    return first


def campaigns(snapshot: Any) -> Columns:
    """One campaign per campaign that ads were bought for."""
    first = _campaign_days(snapshot)
    since, count = moment_texts(midnights(first)), len(first)
    return {
        "Id": [made_id("701", name) for name in first.index],
        "IsDeleted": [False] * count,
        "Name": first.index.tolist(),
        "Type": ["Advertisement"] * count,
        "Status": ["In Progress"] * count,
        "IsActive": [True] * count,
        "StartDate": day_texts(first),
        "CreatedDate": since,
        "LastModifiedDate": since,
        "SystemModstamp": since,
    }


def members(snapshot: Any, people: People) -> Columns:
    """The first form of each person and campaign; a lead's membership stays with it when it is converted."""
    sessions = snapshot.sessions
    forms = sessions[sessions["key_event"].notna() & sessions["campaign"].isin(_campaign_days(snapshot).index)]
    forms = forms[forms["contact_id"].isin(people.ids)].sort_values("started_at", kind="stable")
    forms = forms.drop_duplicates(["campaign", "contact_id"])
    persons, names = texts(forms["contact_id"]), texts(forms["campaign"])
    rows = [people.row[each] for each in persons]
    known = zip(micros(forms["started_at"]).tolist(), rows, strict=True)
    since = [max(moment, people.created[row]) for moment, row in known]
    converted = [people.converted[row] if people.is_contact[row] else 0 for row in rows]
    updated = moment_texts(map(max, since, converted))
    return {
        "Id": [made_id("00v", name, person) for name, person in zip(names, persons, strict=True)],
        "IsDeleted": [False] * len(rows),
        "CampaignId": [made_id("701", name) for name in names],
        "LeadId": [id_of("00Q", people.ids[row]) if people.was_lead[row] else None for row in rows],
        "ContactId": [id_of("003", people.ids[row]) if people.is_contact[row] else None for row in rows],
        "Status": ["Responded"] * len(rows),
        "HasResponded": [True] * len(rows),
        "FirstRespondedDate": local_days(since),
        "CreatedDate": moment_texts(since),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }
