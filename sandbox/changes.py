"""What people and machines change later on: the snapshot of a day, with corrections, merges and late arrivals.

Flow: `Snapshot + Change… → Snapshot`. A change happens at noon of its day and every later snapshot shows it, with the
traces the vendors leave (time of change, history). Belongs here: right values that differ from earlier ones. Does not:
wrong values (`corrupt`), failing answers (`faults`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from sandbox.world import Snapshot
from sandbox.world.clock import TIME_ZONE

# Frames of the snapshot that differ afterwards, by name.
Frames = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One change: its kind (KINDS), the day it happens, which of the rows that may change so (counted in id order, from
    the end, over again), and a factor where it has a size.
    """

    kind: str
    on: date
    which: int = 0
    factor: float = 1.5

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown change {self.kind!r}: one of {', '.join(KINDS)}")

    @property
    def at(self) -> pd.Timestamp:
        return (pd.Timestamp(self.on, tz=TIME_ZONE) + pd.Timedelta(hours=12)).tz_convert("UTC")


def changed(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """The snapshot with every change that happened before it ends, one after the other."""
    for change in sorted(changes, key=lambda each: each.on):
        if change.on < snapshot.until:
            snapshot = replace(snapshot, **KINDS[change.kind](snapshot, change))
    return snapshot


def _pick(rows: pd.DataFrame, key: str, which: int) -> Any:
    """Label of the chosen row, None where there is none to choose."""
    if rows.empty:
        return None
    ordered = rows.sort_values(key, kind="stable")
    return ordered.index[-1 - which % len(ordered)]


def _set(frame: pd.DataFrame, label: Any, **values: Any) -> pd.DataFrame:
    frame = frame.copy()
    for name, value in values.items():
        frame.loc[label, name] = value
    return frame


def _known(frame: pd.DataFrame, change: Change) -> pd.DataFrame:
    """Records that are there when the change happens, and stay."""
    rows = frame[frame["created_at"] < change.at]
    for ended in ("archived_at", "merged_into"):
        if ended in rows:
            rows = rows[rows[ended].isna()]
    return rows


def _told(snapshot: Snapshot, kind: str, id_: str, name: str, value: str, at: pd.Timestamp) -> pd.DataFrame:
    entry = {"object_type": kind, "object_id": id_, "property": name, "value": value, "changed_at": at}
    return pd.concat([snapshot.property_history, pd.DataFrame([entry])], ignore_index=True)


def _overtaken(snapshot: Snapshot, id_: str, name: str, at: pd.Timestamp) -> bool:
    """Whether the deal's property changed once more later on: it then is what it became last."""
    rows = snapshot.property_history
    later = (rows["object_id"] == id_) & (rows["property"] == name) & (rows["changed_at"] > at)
    return bool((later & (rows["object_type"] == "deal")).any())


def _stages(snapshot: Snapshot, deals: pd.DataFrame, at: pd.Timestamp) -> pd.Series:
    """The stage each deal was in: what it became later must not decide which deal an earlier change is of."""
    told = snapshot.property_history
    told = told[(told["property"] == "dealstage") & (told["changed_at"] < at)].sort_values("changed_at", kind="stable")
    return deals["deal_id"].map(told.drop_duplicates("object_id", keep="last").set_index("object_id")["value"])


def _deal(snapshot: Snapshot, change: Change, *, closed: bool | None = None) -> Any:
    deals = _known(snapshot.deals, change)
    if closed is not None:
        deals = deals[_stages(snapshot, deals, change.at).isin(["closedwon", "closedlost"]) == closed]
    return _pick(deals, "deal_id", change.which)


def _amount(snapshot: Snapshot, change: Change) -> Frames:
    label = _deal(snapshot, change)
    if label is None:
        return {}
    before: Any = snapshot.deals.at[label, "amount"]
    amount = round((0.0 if pd.isna(before) else float(before)) * change.factor + 1, 2)
    id_ = str(snapshot.deals.at[label, "deal_id"])
    told = {"property_history": _told(snapshot, "deal", id_, "amount", f"{amount:.2f}", change.at)}
    if _overtaken(snapshot, id_, "amount", change.at):
        return told
    return told | {"deals": _set(snapshot.deals, label, amount=amount, updated_at=change.at)}


def _stage(stage: str, *, closed: bool) -> Callable[[Snapshot, Change], Frames]:
    def move(snapshot: Snapshot, change: Change) -> Frames:
        label = _deal(snapshot, change, closed=closed)
        if label is None:
            return {}
        id_ = str(snapshot.deals.at[label, "deal_id"])
        told = {"property_history": _told(snapshot, "deal", id_, "dealstage", stage, change.at)}
        if _overtaken(snapshot, id_, "dealstage", change.at):
            return told
        return told | {"deals": _set(snapshot.deals, label, stage=stage, close_date=change.at, updated_at=change.at)}

    return move


def _owner(snapshot: Snapshot, change: Change) -> Frames:
    label = _deal(snapshot, change)
    others = sorted(snapshot.owners["owner_id"])
    if label is None or not others:
        return {}
    owner = others[change.which % len(others)]
    return {"deals": _set(snapshot.deals, label, owner_id=owner, updated_at=change.at)}


def _merge(frame: str, key: str) -> Callable[[Snapshot, Change], Frames]:
    def merge(snapshot: Snapshot, change: Change) -> Frames:
        rows = getattr(snapshot, frame)
        known = _known(rows, change)
        if "is_test" in known:
            known = known[~known["is_test"]]
        survivor = _pick(known, key, change.which)
        loser = _pick(known, key, change.which + 1)
        if survivor is None or survivor == loser:
            return {}
        merged = _set(rows, loser, merged_into=rows.at[survivor, key], updated_at=change.at)
        return {frame: _set(merged, survivor, updated_at=change.at)}

    return merge


def _archive(frame: str, key: str) -> Callable[[Snapshot, Change], Frames]:
    def archive(snapshot: Snapshot, change: Change) -> Frames:
        rows = getattr(snapshot, frame)
        label = _pick(_known(rows, change), key, change.which)
        return {} if label is None else {frame: _set(rows, label, archived_at=change.at, updated_at=change.at)}

    return archive


def _restore(frame: str, key: str) -> Callable[[Snapshot, Change], Frames]:
    def restore(snapshot: Snapshot, change: Change) -> Frames:
        rows = getattr(snapshot, frame)
        label = _pick(rows[rows["archived_at"] < change.at], key, change.which)
        return {} if label is None else {frame: _set(rows, label, archived_at=pd.NaT, updated_at=change.at)}

    return restore


def _delete(frame: str, key: str) -> Callable[[Snapshot, Change], Frames]:
    def delete(snapshot: Snapshot, change: Change) -> Frames:
        rows = getattr(snapshot, frame)
        label = _pick(_known(rows, change), key, change.which)
        return {} if label is None else {frame: rows.drop(index=label).reset_index(drop=True)}

    return delete


def _company(snapshot: Snapshot, change: Change) -> Frames:
    label = _pick(_known(snapshot.companies, change), "company_id", change.which)
    if label is None:
        return {}
    large: Any = snapshot.companies.at[label, "employees"]
    employees = 5.0 if large >= 500 else 5000.0
    return {"companies": _set(snapshot.companies, label, employees=employees, updated_at=change.at)}


def _late_session(snapshot: Snapshot, change: Change) -> Frames:
    """A visit of two days before that the export holds only now."""
    sessions = snapshot.sessions
    day = pd.Timestamp(change.on, tz=TIME_ZONE) - pd.Timedelta(days=2)
    rows = sessions[(sessions["started_at"] < day) & sessions["consented"]].tail(50)
    label = _pick(rows, "session_id", change.which)
    if label is None:
        return {}
    started = (day + pd.Timedelta(hours=9, seconds=change.which % 3600)).tz_convert("UTC")
    late = sessions.loc[[label]].assign(
        session_id=int(started.timestamp()), started_at=started, arrives_on=pd.Timestamp(change.on), key_event=None
    )
    return {"sessions": pd.concat([sessions, late], ignore_index=True)}


def _identity(snapshot: Snapshot, change: Change) -> Frames:
    """A browser nobody knew turns out to be a contact's."""
    contact = _pick(_known(snapshot.contacts, change), "contact_id", change.which)
    sessions = snapshot.sessions
    unknown = sessions[sessions["contact_id"].isna() & sessions["consented"] & (sessions["started_at"] < change.at)]
    if contact is None or unknown.empty:
        return {}
    clients = sorted(unknown["client_id"].unique())
    client = clients[change.which % len(clients)]
    return {"contacts": _set(snapshot.contacts, contact, ga_client_id=client, updated_at=change.at)}


def _scaled(frame: str, day: str, column: str, back: int) -> Callable[[Snapshot, Change], Frames]:
    def scale(snapshot: Snapshot, change: Change) -> Frames:
        rows = getattr(snapshot, frame)
        # Nothing of nothing is nothing.
        old = rows[(rows[day] <= pd.Timestamp(change.on) - pd.Timedelta(days=back)) & (rows[column] != 0)]
        if old.empty:
            return {}
        label = old.index[-1 - change.which % len(old)]
        return {frame: _set(rows, label, **{column: round(float(rows.at[label, column]) * change.factor, 2)})}

    return scale


def _rates(snapshot: Snapshot, change: Change) -> Frames:
    """The bank corrects a currency's rates of the month before."""
    rates = snapshot.fx_rates.copy()
    currencies = sorted(set(rates["currency"]))
    until, since = pd.Timestamp(change.on), pd.Timestamp(change.on) - pd.Timedelta(days=30)
    rows = (rates["currency"] == currencies[change.which % len(currencies)]) & rates["date"].between(since, until)
    rates.loc[rows, "rate"] = (rates.loc[rows, "rate"] * change.factor).round(4)
    return {"fx_rates": rates}


def _touch(snapshot: Snapshot, change: Change) -> Frames:
    """Somebody mends a list of old: the person was met a week before on a roadshow, or (factor below 1) not at all."""
    rows = snapshot.touches
    old = rows[rows["touched_at"] < change.at - pd.Timedelta(days=3)]
    if old.empty:
        return {}
    label = old.index[-1 - change.which % len(old)]
    if change.factor < 1:
        return {"touches": rows.drop(index=label).reset_index(drop=True)}
    met: Any = rows.at[label, "touched_at"]
    return {"touches": _set(rows, label, touched_at=met - pd.Timedelta(days=7), campaign="roadshow")}


KINDS: dict[str, Callable[[Snapshot, Change], Frames]] = {
    "deal_amount": _amount,
    "deal_reopened": _stage("qualifiedtobuy", closed=True),
    "deal_won": _stage("closedwon", closed=False),
    "deal_lost": _stage("closedlost", closed=False),
    "deal_skips_stages": _stage("contractsent", closed=False),
    "deal_owner": _owner,
    "deal_archived": _archive("deals", "deal_id"),
    "deal_restored": _restore("deals", "deal_id"),
    "deal_deleted": _delete("deals", "deal_id"),
    "contacts_merged": _merge("contacts", "contact_id"),
    "contact_archived": _archive("contacts", "contact_id"),
    "contact_restored": _restore("contacts", "contact_id"),
    "contact_deleted": _delete("contacts", "contact_id"),
    "companies_merged": _merge("companies", "company_id"),
    "company_size": _company,
    "meeting_archived": _archive("meetings", "meeting_id"),
    "late_session": _late_session,
    "identity_found": _identity,
    "rates_corrected": _rates,
    "spend_corrected": _scaled("ad_spend", "date", "spend", 3),
    "cost_corrected": _scaled("marketing_costs", "month", "amount", 31),
    "target_corrected": _scaled("targets", "period_start", "target", 0),
    "contract_corrected": _scaled("subscriptions", "started_on", "mrr", 10),
    "touch_corrected": _touch,
}
