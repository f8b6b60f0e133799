"""Recurring revenue: who pays what on which day, what moved it, who left."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from sandbox.world.ledger import periods
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import NONE


def contracts(observed: Observed) -> pd.DataFrame:
    """Contracts of surviving companies in cents, at the rate of their first day for life."""
    rows = observed.snapshot.subscriptions
    company = rows["company_id"].map(observed.company_survivor)
    return pd.DataFrame(
        {
            "company": company,
            "first": rows["started_on"],
            "end": rows["ended_on"],
            "cents": observed.cents(rows["mrr"], rows["currency"], rows["started_on"]),
            "country": company.map(observed.companies["country"]).fillna(NONE),
            "segment": company.map(observed.companies["segment"]).fillna(NONE),
        }
    )


def paying(paid: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Contracts that count on a day: begun, and not ended that day or before."""
    return paid.loc[(paid["first"] <= day) & (paid["end"].isna() | (paid["end"] > day))]


def balances(paid: pd.DataFrame, last_days: pd.Series) -> pd.DataFrame:
    """Contracts counting on each of some days: `day` is that day."""
    days = last_days.to_numpy()
    first = np.searchsorted(days, paid["first"].to_numpy(), side="left")
    end = np.searchsorted(days, paid["end"].fillna(pd.Timestamp.max.floor("D")).to_numpy(), side="left")
    length = np.maximum(end - first, 0)
    row = np.repeat(np.arange(len(paid)), length)
    number = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return paid.iloc[row].assign(day=days[first[row] + number]).reset_index(drop=True)


def movements(observed: Observed, paid: pd.DataFrame) -> pd.DataFrame:
    """Changes of a company's monthly amount: day, movement, signed cents, dimensions."""
    ends = paid[paid["end"].notna() & (paid["end"] < pd.Timestamp(observed.snapshot.until))]
    steps = pd.concat(
        [
            paid[["company", "first", "cents"]].set_axis(["company", "day", "step"], axis=1),
            ends[["company", "end", "cents"]].set_axis(["company", "day", "step"], axis=1).assign(step=-ends["cents"]),
        ]
    )
    daily = steps.groupby(["company", "day"], as_index=False)["step"].sum()
    after = daily.groupby("company")["step"].cumsum()
    before = after - daily["step"]
    is_first = ~daily["company"].duplicated()
    movement = np.select(
        [(before == 0) & is_first, before == 0, after == 0, daily["step"] > 0],
        ["new", "reactivation", "churn", "expansion"],
        "contraction",
    )
    told = pd.DataFrame(
        {
            "day": daily["day"],
            "company": daily["company"],
            "movement": movement,
            "cents": daily["step"],
            "country": daily["company"].map(observed.companies["country"]).fillna(NONE),
            "segment": daily["company"].map(observed.companies["segment"]).fillna(NONE),
        }
    )
    moved: pd.DataFrame = told.loc[told["cents"] != 0]
    return moved


def customer_periods(paid: pd.DataFrame, first: date, until: date, cadence: str) -> pd.DataFrame:
    """Customers of the day before each period, and whether they are gone on its last covered day."""
    pieces = []
    for begin, last_day in periods.spans(first, until, cadence):
        opening = paying(paid, begin - pd.Timedelta(days=1)).drop_duplicates("company")
        closing = paying(paid, last_day)["company"]
        churned = (~opening["company"].isin(closing)).astype(int)
        pieces.append(
            opening[["country", "segment"]].assign(day=begin, customers=1, churned=churned, retained=1 - churned)
        )
    return pd.concat(pieces, ignore_index=True)
