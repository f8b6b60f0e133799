"""Activities as Pipedrive keeps them: meetings, calls and emails in one list, told apart by their type.

Pipedrive has no outcome: the company marks a meeting as done when it knows how it went, and gives one that did not take
place a type that says so. Nobody sees what the start was before a meeting moved, and a deleted activity is in no list.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sandbox.apis import pipedrive_fields as schema
from sandbox.apis.answers import Json, instants, texts
from sandbox.apis.answers import iso as written
from sandbox.apis.pipedrive_deals import Deals
from sandbox.apis.pipedrive_records import Listing, People, number, numbers

# World ids of meetings, calls and emails may be equal: each kind has its own remainder.
KINDS = 4
MEETING, CALL, EMAIL = range(3)
_COLUMNS = [
    "id", "subject", "type", "owner_id", "contact_id", "company_id", "deal_id", "created_at", "updated_at", "start_at",
    "seconds", "done", "done_at",
]  # fmt: skip


def activity_id(world_id: str, kind: int) -> str:
    return str(int(world_id) * KINDS + kind)


def activities(company: People, deals: Deals) -> Listing:
    """All activities that are not deleted."""
    parts = [_meetings(company.snapshot), _calls(company.snapshot), _emails(company.snapshot)]
    frame = pd.concat([part[_COLUMNS] for part in parts if len(part)], ignore_index=True)
    ids, subjects, types = (texts(frame[name]) for name in ("id", "subject", "type"))
    owners = numbers(frame["owner_id"])
    people, organizations = company.persons_of(frame["contact_id"]), company.organizations_of(frame["company_id"])
    there = {*deals.listing("deals").ids, *deals.listing("deals/archived").ids}
    linked = [number(each) if each in there else None for each in texts(frame["deal_id"])]
    added, updated = instants(frame["created_at"], "s"), instants(frame["updated_at"], "s")
    starts = [text or "" for text in written(instants(frame["start_at"], "s"), "")]
    times, done_at = (written(added, "Z"), written(updated, "Z")), written(instants(frame["done_at"], "s"), "Z")
    seconds, done = frame["seconds"].fillna(0).astype(int).tolist(), frame["done"].astype(bool).tolist()

    def render(row: int) -> Json:
        day, _, time = starts[row].partition("T")
        person = people[row]
        return {
            "id": number(ids[row]), "subject": subjects[row], "type": types[row], "owner_id": owners[row],
            "creator_user_id": owners[row], "is_deleted": False,
            "add_time": times[0][row], "update_time": times[1][row],
            "deal_id": linked[row], "lead_id": None, "person_id": person, "org_id": organizations[row],
            "project_id": None, "due_date": day, "due_time": time, "duration": _clock(seconds[row]), "busy": True,
            "done": done[row], "marked_as_done_time": done_at[row] if done[row] else None, "location": None,
            "participants": [{"person_id": person, "primary": True}] if person is not None else [],
            "conference_meeting_client": None, "conference_meeting_url": None, "conference_meeting_id": None,
            "public_description": "", "priority": None, "note": None,
        }  # fmt: skip

    return Listing(ids, added, updated, render)


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _ids(frame: pd.DataFrame, key: str, kind: int) -> pd.Series:
    ids = [None if each is None else activity_id(each, kind) for each in texts(frame[key])]
    return pd.Series(ids, index=frame.index, dtype=object)


def _meetings(snapshot: Any) -> pd.DataFrame:
    frame: pd.DataFrame = snapshot.meetings[snapshot.meetings["archived_at"].isna()].reset_index(drop=True)
    history = snapshot.property_history
    told = history[(history["object_type"] == "meeting") & (history["property"] == "hs_meeting_outcome")]
    decided = told.sort_values("changed_at", kind="stable").groupby("object_id")["changed_at"].last()
    suffixes = frame["outcome"].map(schema.OUTCOME_SUFFIXES).fillna("")
    return frame.assign(
        id=_ids(frame, "meeting_id", MEETING),
        subject=frame["title"],
        type=frame["kind"] + suffixes,
        seconds=(frame["end_at"] - frame["start_at"]).dt.total_seconds(),
        done=frame["outcome"].isin(["COMPLETED", *schema.OUTCOME_SUFFIXES]),
        done_at=frame["meeting_id"].map(decided).fillna(frame["updated_at"]),
    )


def _calls(snapshot: Any) -> pd.DataFrame:
    frame: pd.DataFrame = snapshot.calls
    return frame.assign(
        id=_ids(frame, "call_id", CALL), subject="Call", type=schema.CALL, seconds=frame["duration_ms"] / 1000,
        done=True, done_at=frame["created_at"],
    )  # fmt: skip


def _emails(snapshot: Any) -> pd.DataFrame:
    frame: pd.DataFrame = snapshot.crm_emails
    received = frame["direction"] == "INCOMING_EMAIL"
    return frame.assign(
        id=_ids(frame, "email_id", EMAIL), subject="Email",
        type=np.where(received, schema.EMAIL_RECEIVED, schema.EMAIL), company_id=None, deal_id=None,
        start_at=frame["sent_at"], seconds=0, done=True, done_at=frame["sent_at"],
    )  # fmt: skip
