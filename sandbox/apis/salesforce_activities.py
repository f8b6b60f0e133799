"""Salesforce's activities: meetings are events; calls and one-to-one mails are tasks, closed when they are noted.

Some meetings have an event more, a copy in the calendar of a colleague who was invited; some meetings and calls are of
a series, whose pattern is a record like them.

Flow: `Snapshot + People + Companies → columns`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sandbox.apis.answers import texts
from sandbox.apis.salesforce_companies import Companies
from sandbox.apis.salesforce_people import People
from sandbox.apis.salesforce_values import (
    NEVER,
    Columns,
    id_of,
    local_days,
    made_id,
    micros,
    midnights,
    moment_texts,
    wholes_of,
)

HOURS = 3_600_000_000
ARCHIVE_AFTER = 365 * 24 * HOURS
# Of so many meetings one has a colleague invited; of so many meetings or calls one is the first of a series.
INVITED, SERIES = 4, 7
CALL_RESULTS = {
    "f240bbac-87c9-4f6e-bf70-924b57d47db7": "Connected",
    "73a0d17f-1163-4015-bdd5-ec830791da20": "No answer",
    "b2cf5968-551e-4856-9783-52b3da59a7d0": "Left voicemail",
}
DIRECTIONS = {"INBOUND": "Inbound", "OUTBOUND": "Outbound", "INCOMING_EMAIL": "Inbound", "EMAIL": "Outbound"}


def _activity(snapshot: Any, frame: pd.DataFrame, key: str, prefix: str, people: People, firms: Companies) -> Columns:
    """Who and what an activity is about. With a lead it can be about nothing else, so Salesforce wants it."""
    deal_account = dict(zip(texts(snapshot.deals["deal_id"]), texts(snapshot.deals["company_id"]), strict=True))
    missing: list[str | None] = [None] * len(frame)
    deals = texts(frame["deal_id"]) if "deal_id" in frame else missing
    owned = texts(frame["company_id"]) if "company_id" in frame else missing
    # Nothing of a deleted activity changes any more.
    ends = micros(frame["archived_at"]).tolist() if "archived_at" in frame else [NEVER] * len(frame)
    whos = [people.who(each, end) for each, end in zip(texts(frame["contact_id"]), ends, strict=True)]
    whats, accounts, touched = [], [], []
    changed = micros(frame["updated_at"]).tolist()
    for (who, moved), deal, company, moment, end in zip(whos, deals, owned, changed, ends, strict=True):
        account, merged = firms.account(deal_account.get(deal, company) if deal else company)
        is_lead = who is not None and who.startswith("00Q")
        whats.append(None if is_lead else id_of("006", deal) if deal in deal_account else account)
        accounts.append(None if is_lead else account)
        touched.append(max(moment, moved, merged) if end >= NEVER else moment)
    updated = moment_texts(touched)
    return {
        "Id": [id_of(prefix, each) for each in texts(frame[key])],
        "IsDeleted": [end < NEVER for end in ends],
        "OwnerId": [id_of("005", each) for each in texts(frame["owner_id"])],
        "WhoId": [who for who, _ in whos],
        "WhatId": whats,
        "AccountId": accounts,
        "CreatedDate": moment_texts(micros(frame["created_at"])),
        "LastModifiedDate": updated,
        "SystemModstamp": updated,
    }


def _is_archived(snapshot: Any, moments: list[int]) -> list[bool]:
    limit = int(midnights(pd.Series([pd.Timestamp(snapshot.until)]))[0]) - ARCHIVE_AFTER
    return [moment < limit for moment in moments]


def events(snapshot: Any, people: People, firms: Companies) -> Columns:
    """Meetings as they stand."""
    frame = snapshot.meetings
    starts, ends = micros(frame["start_at"]).tolist(), micros(frame["end_at"]).tolist()
    meetings: Columns = {
        **_activity(snapshot, frame, "meeting_id", "00U", people, firms),
        "Subject": texts(frame["title"]),
        "Type": ["Meeting"] * len(frame),
        "ActivityDate": local_days(starts),
        "IsArchived": _is_archived(snapshot, ends),
        "StartDateTime": moment_texts(starts),
        "EndDateTime": moment_texts(ends),
        "Meeting_Kind__c": [None if kind is None else kind.capitalize() for kind in texts(frame["kind"])],
        "Meeting_Outcome__c": [
            None if outcome is None else outcome.replace("_", " ").capitalize() for outcome in texts(frame["outcome"])
        ],
        "IsChild": [False] * len(frame),
    }
    numbers = _numbers(frame["meeting_id"])
    told = _in_series(meetings, {row: number for row, number in enumerate(numbers) if number % SERIES == 0}, "00U")
    invited = {row: made_id("00U", "invited", number) for row, number in enumerate(numbers) if number % INVITED == 0}
    colleagues = [id_of("005", each) for each in texts(snapshot.owners["owner_id"])]
    owners = [colleagues[numbers[row] % len(colleagues)] for row in invited]
    copies = {**_like(told, invited), "OwnerId": owners, "IsChild": [True] * len(invited)}
    return {name: [*values, *copies[name]] for name, values in told.items()}


def _numbers(ids: pd.Series) -> list[int]:
    return [int(each or 0) for each in texts(ids)]


def _in_series(activities: Columns, numbers: Mapping[int, int], prefix: str, **patterns_say: object) -> Columns:
    """The activities, of which these rows begin a series, and the pattern of each, which says what its first does."""
    ids = {row: made_id(prefix, "series", number) for row, number in numbers.items()}
    count = len(activities["Id"])
    told: Columns = {
        **activities,
        "IsRecurrence": [False] * count,
        "RecurrenceActivityId": [ids.get(row) for row in range(count)],
    }
    said = {name: [value] * len(ids) for name, value in {"IsRecurrence": True, **patterns_say}.items()}
    patterns = {**_like(told, ids), **said}
    return {name: [*values, *patterns[name]] for name, values in told.items()}


def _like(activities: Columns, ids: Mapping[int, str]) -> Columns:
    """Records with ids of their own that say what these rows of activities say."""
    return {**{name: [values[row] for row in ids] for name, values in activities.items()}, "Id": list(ids.values())}


def tasks(snapshot: Any, people: People, firms: Companies) -> Columns:
    """Calls and one-to-one mails, closed when they are noted; the pattern of a series is never closed."""
    calls = snapshot.calls.rename(columns={"call_id": "task_id", "start_at": "at"}).assign(subtype="Call")
    mails = snapshot.crm_emails.rename(columns={"email_id": "task_id", "sent_at": "at"}).assign(subtype="Email")
    # Numbers of calls and mails come from one range.
    mails = mails.assign(
        task_id=[None if each is None else str(int(each) + (1 << 50)) for each in texts(mails["task_id"])]
    )
    frame = pd.concat([calls, mails], ignore_index=True)
    subtypes = texts(frame["subtype"])
    is_call = [subtype == "Call" for subtype in subtypes]
    directions = [DIRECTIONS.get(str(each)) for each in texts(frame["direction"])]
    results = [CALL_RESULTS.get(str(each), each) for each in texts(frame["disposition"])]
    seconds = wholes_of(frame["duration_ms"] // 1000)
    starts = micros(frame["at"]).tolist()
    noted = moment_texts(micros(frame["created_at"]))
    told: Columns = {
        **_activity(snapshot, frame, "task_id", "00T", people, firms),
        "Subject": subtypes,
        "Type": subtypes,
        "TaskSubtype": subtypes,
        "Status": ["Completed"] * len(frame),
        "IsClosed": [True] * len(frame),
        "IsArchived": _is_archived(snapshot, starts),
        "ActivityDate": local_days(starts),
        "CompletedDateTime": noted,
        "CallType": [word if call else None for word, call in zip(directions, is_call, strict=True)],
        "CallDisposition": results,
        "CallDurationInSeconds": seconds,
        "Started_At__c": moment_texts(starts),
        "Direction__c": directions,
    }
    numbers = _numbers(frame["task_id"])
    series = {row: numbers[row] for row, call in enumerate(is_call) if call and numbers[row] % SERIES == 0}
    unset = dict.fromkeys(("ActivityDate", "CompletedDateTime"))
    return _in_series(told, series, "00T", Status="Not Started", IsClosed=False, **unset)
