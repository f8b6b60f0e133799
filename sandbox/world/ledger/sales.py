"""Deals as they stand, and the open pipeline of every day, rebuilt from stage and amount history."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import NONE, UNATTRIBUTED

_STATUS = {"closedwon": "won", "closedlost": "lost"}


def _history(observed: Observed, name: str) -> pd.DataFrame:
    """Changes of one property of standing deals, in order: deal_id, value, at."""
    snapshot = observed.snapshot
    standing = snapshot.deals.loc[snapshot.deals["archived_at"].isna(), "deal_id"]
    history = snapshot.property_history
    mine = history[
        (history["object_type"] == "deal") & (history["property"] == name) & history["object_id"].isin(standing)
    ]
    changes = mine[["object_id", "value", "changed_at"]].set_axis(["deal_id", "value", "at"], axis=1)
    return changes.sort_values(["deal_id", "at"], ignore_index=True)


def stays(observed: Observed) -> pd.DataFrame:
    """How long each deal was open, won or lost: deal_id, status, entered and left (NaT: still)."""
    changes = _history(observed, "dealstage")
    changes["status"] = changes["value"].map(_STATUS).fillna("open")
    previous = changes.groupby("deal_id")["status"].shift()
    turns = changes[changes["status"] != previous.fillna("")].copy()
    turns["left"] = turns.groupby("deal_id")["at"].shift(-1)
    return turns.rename(columns={"at": "entered"})[["deal_id", "status", "entered", "left"]]


def deals(observed: Observed, acquired: pd.DataFrame) -> pd.DataFrame:
    """Standing deals by id: outcome that stands, amounts in cents, primary person, company, dimensions."""
    snapshot = observed.snapshot
    rows = snapshot.deals[snapshot.deals["archived_at"].isna()].set_index("deal_id")
    stands = stays(observed).drop_duplicates("deal_id", keep="last").set_index("deal_id")
    status = stands["status"].reindex(rows.index)
    closed_at = stands["entered"].where(stands["status"] != "open").reindex(rows.index)
    first_amount = _history(observed, "amount").drop_duplicates("deal_id").set_index("deal_id")["value"].astype(float)
    created_day = observed.day(rows["created_at"])
    closed_day = observed.day(closed_at)
    last_day = pd.Timestamp(snapshot.until) - pd.Timedelta(days=1)
    links = snapshot.deal_contacts.sort_values(["deal_id", "position"])
    links = links[links["contact_id"].isin(observed.persons.index)]
    person = links.drop_duplicates("deal_id").set_index("deal_id")["contact_id"].reindex(rows.index)
    company = rows["company_id"].map(observed.company_survivor)
    country = company.map(observed.companies["country"]).fillna(person.map(observed.persons["country"]))
    recurring = observed.cents(rows["mrr"].fillna(0), rows["currency"], closed_day.fillna(last_day))
    frame = pd.DataFrame(
        {
            "person": person,
            "company": company,
            "status": status,
            "created_at": rows["created_at"],
            "created_day": created_day,
            "closed_at": closed_at,
            "closed_day": closed_day,
            "created_cents": observed.cents(first_amount.reindex(rows.index), rows["currency"], created_day),
            "cents": observed.cents(rows["amount"], rows["currency"], closed_day.fillna(last_day)),
            "currency": rows["currency"],
            "channel": person.map(acquired["channel"]).fillna(UNATTRIBUTED),
            "campaign": person.map(acquired["campaign"]).fillna(NONE),
            "country": country.fillna(NONE),
            "segment": company.map(observed.companies["segment"]).fillna(NONE),
            "owner": observed.owners(rows["owner_id"]),
            "partner": rows["partner"].fillna(NONE),
            "recurring_cents": recurring.where(rows["mrr"].notna()),
        }
    )
    won = frame[frame["status"] == "won"].sort_values("closed_at", kind="stable")
    frame["is_first_won"] = frame.index.isin(won.drop_duplicates("company").index)
    frame["cycle_days"] = (frame["closed_at"] - frame["created_at"]).dt.total_seconds() / 86_400
    return frame


def open_days(observed: Observed, found: pd.DataFrame) -> pd.DataFrame:
    """One row per deal and day at whose end it was open: day, cents at that day's rate, dimensions, count."""
    last_day = pd.Timestamp(observed.snapshot.until) - pd.Timedelta(days=1)
    spans = stays(observed)
    spans = spans[spans["status"] == "open"]
    first = observed.day(spans["entered"])
    # Closed on a day means not open at its end.
    after = observed.day(spans["left"]).fillna(last_day + pd.Timedelta(days=1))
    length = (after - first).dt.days.to_numpy()
    row = np.repeat(np.arange(len(spans)), length)
    offset = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    days = pd.DataFrame(
        {
            "deal_id": spans["deal_id"].to_numpy()[row],
            "day": first.to_numpy()[row] + offset.astype("timedelta64[D]"),
        }
    ).astype({"day": "datetime64[us]"})
    amounts = _history(observed, "amount")
    amounts = pd.DataFrame(
        {"deal_id": amounts["deal_id"], "day": observed.day(amounts["at"]), "amount": amounts["value"].astype(float)}
    ).drop_duplicates(["deal_id", "day"], keep="last")
    valued = pd.merge_asof(days.sort_values("day"), amounts.sort_values("day"), on="day", by="deal_id")
    dimensions = found.loc[valued["deal_id"], ["currency", "channel", "campaign", "country", "segment", "owner"]]
    valued = pd.concat([valued, dimensions.reset_index(drop=True)], axis=1)
    return valued.assign(cents=observed.cents(valued["amount"], valued["currency"], valued["day"]), deals=1)
