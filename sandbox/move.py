"""The company moves from one CRM to another: what the two hold from that day on, and how billing knows its customers.

Flow: `Move + the day's Snapshot + the present one → Snapshot of the old CRM, Snapshot of the new one`. The old CRM
answers for ever what it held when the day began, but for meetings that were to come: people say there how they went.
Before work begins the records are imported the way a tool does that uses the new CRM's API:

- a record gets an id of the new CRM (here one that the old CRM gave to another record); a deal's text field keeps the
  old one. Pipedrive, for one, lets an import set when a person, an organization or a deal was added and when a deal was
  won or lost; Salesforce does for a user allowed to set audit fields;
- what a deal was before is not told: its history begins with the import, which gives it its stage, its amount and,
  where it is closed, its end;
- records that were deleted or merged away by then stay behind; colleagues who left become (inactive) users;
- activities stay behind: Pipedrive sets itself when one was added and has no own fields for them, so that nothing would
  tell a copy from its original.

Belongs here: the two CRMs' records. Does not: how a vendor tells them (`apis`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from sandbox.apis.merges import survivors
from sandbox.vendors import VENDORS
from sandbox.world import Snapshot
from sandbox.world.clock import TIME_ZONE

IMPORTED_AFTER = pd.Timedelta(hours=6)
OWN_ID = 10  # what an id of the new CRM is larger by: the next company's people and deals have that id in the old one
RECORDS = {"companies": "company_id", "contacts": "contact_id", "deals": "deal_id"}
ACTIVITIES = ("meetings", "calls", "crm_emails")
IDS = (
    "owner_id", "company_id", "contact_id", "deal_id", "meeting_id", "call_id", "email_id", "merged_into", "object_id",
)  # fmt: skip


@dataclass(frozen=True)
class Move:
    """On `day` the company stops working in the CRM `before` and begins to work in `after`."""

    day: date
    before: str
    after: str

    @property
    def began(self) -> pd.Timestamp:
        return pd.Timestamp(self.day, tz=TIME_ZONE).tz_convert("UTC")

    def held(self, then: Snapshot, now: Snapshot) -> dict[str, Snapshot]:
        """What each of the two CRMs holds; `then`: as the company stood when the day began."""
        after = _imported(then, now, self.began)
        known = after.deals["imported_id"].map(VENDORS[self.before].deal_id, na_action="ignore")
        before = _finished(then, now, self.began)
        return {self.before: before, self.after: replace(after, deals=after.deals.assign(imported_id=known))}

    def customer_id(self, then: Snapshot) -> Callable[[str], str]:
        """How the billing system names a company: by the CRM it was first known in."""
        known = {*then.companies["company_id"]}

        def named(id_: str) -> str:
            crm, own = (self.before, id_) if id_ in known else (self.after, own_id(id_))
            return f"{crm}:{(VENDORS[crm].company_id or str)(own)}"

        return named


def own_id(id_: str) -> str:
    """The new CRM's id of a record."""
    return str(int(id_) + OWN_ID)


def _finished(then: Snapshot, now: Snapshot, began: pd.Timestamp) -> Snapshot:
    """The company as it stood when the day began, with what became of the meetings that were booked by then."""
    meetings = now.meetings[now.meetings["meeting_id"].isin(then.meetings["meeting_id"])]
    seen = now.property_history
    since = (seen["object_type"] == "meeting") & (seen["changed_at"] >= began)
    later = seen[since & seen["object_id"].isin(meetings["meeting_id"])]
    history = pd.concat([then.property_history, later], ignore_index=True)
    return replace(then, meetings=meetings.reset_index(drop=True), property_history=history)


def _imported(then: Snapshot, now: Snapshot, began: pd.Timestamp) -> Snapshot:
    """The present company in a CRM that it has worked in since `began`."""
    frames = {name: _arrived(getattr(then, name), getattr(now, name), key, began) for name, key in RECORDS.items()}
    old = frames["deals"]["imported_id"].dropna()
    frames["property_history"] = _history(then, now, old, began)
    for name in ACTIVITIES:
        activities = getattr(now, name)
        frames[name] = activities[activities["created_at"] >= began].reset_index(drop=True)
    for name in ("owners", "deal_contacts"):
        frames[name] = getattr(now, name)
    # What was linked to a record that had been merged away is linked to the one that stands.
    stands = {**survivors(then.contacts, "contact_id"), **survivors(then.companies, "company_id")}
    own: dict[str, Any] = {name: _renumbered(frame, stands) for name, frame in frames.items()}
    return replace(now, **own)


def _arrived(then: pd.DataFrame, now: pd.DataFrame, key: str, began: pd.Timestamp) -> pd.DataFrame:
    """Records of one kind; the import is the first that touches what it brought."""
    gone = then["archived_at"].notna()
    if "merged_into" in then:
        gone |= then["merged_into"].notna()
    frame = now[~now[key].isin(then[key][gone])].reset_index(drop=True)
    imported = frame[key].isin(then[key])
    untouched = imported & (frame["updated_at"] < began + IMPORTED_AFTER)
    return frame.assign(
        imported_id=frame[key].where(imported),
        updated_at=frame["updated_at"].mask(untouched, began + IMPORTED_AFTER),
    )


def _history(then: Snapshot, now: Snapshot, imported: pd.Series, began: pd.Timestamp) -> pd.DataFrame:
    """What changed since, after the import: the last open stage and amount of each deal, and a second later its end."""
    told, seen = then.property_history, now.property_history
    told = told[(told["object_type"] == "deal") & told["object_id"].isin(imported)].sort_values("changed_at")
    is_end = told["value"].isin(then.pipelines["stage_id"][then.pipelines["is_closed"]])
    stage = told["object_id"].map(then.deals.set_index("deal_id")["stage"])
    told = told.assign(is_end=is_end)[~is_end | (told["value"] == stage)]
    told = told.drop_duplicates(["object_id", "property", "is_end"], keep="last")
    step = pd.to_timedelta(told["is_end"].astype(int), unit="s")
    imports = told.drop(columns="is_end").assign(changed_at=began + IMPORTED_AFTER + step)
    return pd.concat([imports, seen[seen["changed_at"] >= began]], ignore_index=True)


def _renumbered(frame: pd.DataFrame, stands: Mapping[str, str]) -> pd.DataFrame:
    def own(ids: pd.Series) -> pd.Series:
        return ids.map(lambda id_: own_id(stands.get(id_, id_)), na_action="ignore")

    return frame.assign(**{name: own(frame[name]) for name in IDS if name in frame})
