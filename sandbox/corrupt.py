"""Wrong data on purpose, for the gates: the snapshot of the day, spoilt before any vendor or file shows it.

Flow: `Snapshot + Corruption… → Snapshot`. Tables are named as the lake names them (`hubspot.deals`,
`spreadsheets.ad_spend`). The newest rows are hit, so that an incremental pull meets them. Belongs here: wrong values.
Does not: failing answers (`faults`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import pandas as pd

from sandbox.world import Snapshot
from sandbox.world.clock import TIME_ZONE

Kind = Literal[
    "negative_amount",
    "duplicate_key",
    "volume_drop",
    "null_key",
    "unknown_currency",
    "thresholded",
    "other_row",
    "sampled",
]
KINDS: tuple[str, ...] = get_args(Kind)
MARKS = ("thresholded", "other_row", "sampled")
DROP_SHARE = 0.9
UNKNOWN_CURRENCY = "ZZZ"


@dataclass(frozen=True)
class Target:
    """Where the snapshot keeps a lake table. `newest` orders its rows, and is the time of change where `is_record`;
    `day` says on which day a row counts ("" for files, which are whole).
    """

    frame: str
    key: str
    newest: str
    amount: str = ""
    currency: str = ""
    is_record: bool = False
    day: str = ""


_PEOPLE = Target("contacts", "contact_id", "updated_at", is_record=True, day="created_at")
_COMPANIES = Target("companies", "company_id", "updated_at", is_record=True, day="created_at")
_DEALS = Target("deals", "deal_id", "updated_at", "amount", "currency", is_record=True, day="created_at")
_MEETINGS = Target("meetings", "meeting_id", "updated_at", is_record=True, day="created_at")
_SESSIONS = Target("sessions", "client_id", "started_at", day="started_at")
_SENDS = Target("email_sends", "email", "sent_at", day="sent_at")
TARGETS = {
    "hubspot.contacts": _PEOPLE,
    "hubspot.companies": _COMPANIES,
    "hubspot.deals": _DEALS,
    "hubspot.meetings": _MEETINGS,
    "hubspot.calls": Target("calls", "call_id", "updated_at", is_record=True, day="created_at"),
    "hubspot.emails": Target("crm_emails", "email_id", "updated_at", is_record=True, day="created_at"),
    "salesforce.accounts": _COMPANIES,
    "salesforce.opportunities": _DEALS,
    "salesforce.events": _MEETINGS,
    "pipedrive.persons": _PEOPLE,
    "pipedrive.organizations": _COMPANIES,
    "pipedrive.deals": _DEALS,
    "pipedrive.activities": _MEETINGS,
    "ga4.events": _SESSIONS,
    "matomo.visits": _SESSIONS,
    "mailchimp.members": Target("email_members", "email", "last_changed", is_record=True, day="opted_in_at"),
    "mailchimp.campaigns": Target("email_campaigns", "campaign_id", "send_time", day="send_time"),
    "mailchimp.sends": _SENDS,
    "mailchimp.email_activity": Target("email_activity", "email", "at", day="at"),
    "mailchimp.unsubscribes": Target("email_unsubscribes", "email", "at", day="at"),
    "brevo.sends": _SENDS,
    "klaviyo.events": Target("email_activity", "contact_id", "at", day="at"),
    "spreadsheets.ad_spend": Target("ad_spend", "platform", "date", "spend", "currency"),
    "spreadsheets.marketing_costs": Target("marketing_costs", "category", "month", "amount", "currency"),
    "spreadsheets.fx_rates": Target("fx_rates", "currency", "date", "rate", "currency"),
    "spreadsheets.subscriptions": Target("subscriptions", "subscription_id", "started_on", "mrr", "currency"),
    "spreadsheets.targets": Target("targets", "kpi", "period_start", "target"),
    "spreadsheets.benchmarks": Target("benchmarks", "kpi", "year", "value"),
    "spreadsheets.touches": Target("touches", "email", "touched_at"),
}


@dataclass(frozen=True)
class Corruption:
    """One thing wrong with a table: `rows` of its newest rows are hit (a volume drop hits its newest day)."""

    table: str
    kind: Kind
    rows: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown corruption {self.kind!r}: one of {', '.join(KINDS)}")
        if self.is_mark:
            return
        if self.table not in TARGETS:
            raise ValueError(f"unknown table {self.table!r}: one of {', '.join(TARGETS)}")
        target = TARGETS[self.table]
        if (self.kind == "negative_amount" and not target.amount) or (
            self.kind == "unknown_currency" and not target.currency
        ):
            raise ValueError(f"{self.table} has no column for {self.kind}")

    @property
    def is_mark(self) -> bool:
        """A quality flag of GA4's reports rather than wrong rows."""
        return self.kind in MARKS


@dataclass(frozen=True)
class Edit:
    """Records that were changed by hand: their new time of change."""

    table: str
    keys: tuple[str, ...]
    at: pd.Timestamp


def edits_of(snapshot: Snapshot, corrupt: Iterable[Corruption]) -> tuple[Edit, ...]:
    """The edits that put wrong values into records, late on the snapshot's last day. Other rows need none."""
    late = pd.Timestamp(snapshot.until, tz=TIME_ZONE).tz_convert("UTC") - pd.Timedelta(seconds=2)
    edits = []
    for each in corrupt:
        target = TARGETS.get(each.table)
        if target is not None and target.is_record and not each.is_mark and each.kind != "volume_drop":
            frame = getattr(snapshot, target.frame)
            edits.append(Edit(each.table, tuple(frame[target.key].iloc[_hit(snapshot, frame, each, target)]), late))
    return tuple(edits)


def corrupted(snapshot: Snapshot, corrupt: Iterable[Corruption], edits: Iterable[Edit] = ()) -> Snapshot:
    """The snapshot with the edits' times of change, then with wrong rows."""
    for edit in edits:
        target = TARGETS[edit.table]
        frame = getattr(snapshot, target.frame).copy()
        rows = frame[target.key].isin(edit.keys) & (frame[target.newest] < edit.at)
        frame.loc[rows, target.newest] = edit.at
        snapshot = replace(snapshot, **{target.frame: frame})
    for each in corrupt:
        if not each.is_mark:
            snapshot = _spoilt(snapshot, each)
    return snapshot


def _hit(
    snapshot: Snapshot, frame: pd.DataFrame, each: Corruption, target: Target
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions of the rows to spoil, among those that are served: the newest, or nine tenths of a day or file."""
    served = np.ones(len(frame), dtype=bool)
    for ended in ("archived_at", "merged_into"):
        if ended in frame:
            served &= frame[ended].isna().to_numpy()
    if target.frame == "sessions":
        arrived = frame["arrives_on"] <= pd.Timestamp(snapshot.until)
        served &= (frame["consented"] & arrived).to_numpy()
    rows = np.flatnonzero(served)
    if each.kind != "volume_drop":
        order = np.argsort(frame[target.newest].to_numpy()[rows], kind="stable")
        return np.asarray(rows[order][-each.rows :], dtype=np.int64)
    if target.day:
        days = frame[target.day].dt.tz_convert(TIME_ZONE).dt.date.iloc[rows]
        rows = rows[(days == days.max()).to_numpy()]
    return np.asarray(rows[: max(1, int(len(rows) * DROP_SHARE))], dtype=np.int64)


def _spoilt(snapshot: Snapshot, each: Corruption) -> Snapshot:
    target = TARGETS[each.table]
    frame = getattr(snapshot, target.frame).copy()
    rows = frame.index[_hit(snapshot, frame, each, target)]
    if each.kind == "negative_amount":
        frame.loc[rows, target.amount] = -(frame.loc[rows, target.amount].abs().fillna(0) + 1)
    elif each.kind == "unknown_currency":
        frame.loc[rows, target.currency] = UNKNOWN_CURRENCY
    elif each.kind == "null_key":
        frame[target.key] = frame[target.key].astype(object)
        frame.loc[rows, target.key] = None
    elif each.kind == "duplicate_key":
        frame = pd.concat([frame, frame.loc[rows]], ignore_index=True)
    else:
        frame = frame.drop(index=rows).reset_index(drop=True)
    return replace(snapshot, **{target.frame: frame})
