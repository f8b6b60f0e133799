"""`Ledger`: the cells of every KPI and the credits of every rule attribution model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd

from sandbox.world.ledger import attribution, facts, recurring, sales, spend
from sandbox.world.ledger.kpis import KPIS, Scope
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import Rules
from sandbox.world.ledger.tally import Tally
from sandbox.world.snapshot import Snapshot


class Ledger:
    """What the KPIs of a snapshot must say, by definitions written down here a second time.

    `first` is the first day reported on (the world's start by default). `cells` gives `total` for every period up to the
    last whole day, other dimensions where there is something to report.
    """

    def __init__(self, snapshot: Snapshot, *, rules: Rules | None = None, first: date | None = None) -> None:
        self.rules = rules or Rules()
        self.observed = Observed(snapshot, self.rules)
        self.tally = Tally(first or snapshot.start, snapshot.until)
        self._journeys: dict[str, attribution.Journeys] = {}

    @property
    def kpis(self) -> dict[str, Scope]:
        """Cadences and dimensions of each KPI the ledger knows."""
        return KPIS

    def cells(self, kpi: str, cadence: str, dimension: str = "total") -> pd.DataFrame:
        """Columns period_start, dimension_value, numerator, denominator, value. KeyError for a cell family that is none."""
        scope = KPIS[kpi]
        if cadence not in scope.cadences or dimension not in ("total", *scope.dimensions):
            raise KeyError(f"{kpi} has no {cadence} cells by {dimension}: {scope}")
        family: Callable[[str, str], pd.DataFrame] = getattr(self, f"_{kpi}")
        return family(cadence, dimension)

    def credits(self, model: str, conversion_type: str) -> pd.DataFrame:
        """One row per conversion and credited touch: conversion, day, channel, campaign, credit, cents."""
        if conversion_type not in self._journeys:
            found = attribution.journeys(self.observed, self.touches, self.conversions, conversion_type)
            self._journeys[conversion_type] = found
        return attribution.credit(self._journeys[conversion_type], model, self.rules)

    def attribution(self, model: str, conversion_type: str) -> pd.DataFrame:
        """Conversions (fractional) and value in the reporting currency by channel and campaign, over all days."""
        by = self.credits(model, conversion_type).groupby(["channel", "campaign"], as_index=False)
        sums = by[["credit", "cents"]].sum()
        return sums.assign(conversions=sums["credit"], value=sums["cents"] / 100)[
            ["channel", "campaign", "conversions", "value"]
        ]

    # Facts, each built once.

    @cached_property
    def acquired(self) -> pd.DataFrame:
        return facts.acquisition(self.observed)

    @cached_property
    def sessions(self) -> pd.DataFrame:
        return facts.sessions(self.observed)

    @cached_property
    def sends(self) -> pd.DataFrame:
        return facts.email_sends(self.observed)

    @cached_property
    def leads(self) -> pd.DataFrame:
        return facts.leads(self.observed, self.acquired)

    @cached_property
    def deals(self) -> pd.DataFrame:
        return sales.deals(self.observed, self.acquired)

    @cached_property
    def created(self) -> pd.DataFrame:
        return self.deals.assign(day=self.deals["created_day"], opportunities=1)

    @cached_property
    def closed(self) -> pd.DataFrame:
        """Deals whose close stands, on the day of that close."""
        closed = self.deals[self.deals["status"] != "open"]
        won = (closed["status"] == "won").astype(int)
        revenue = closed["cents"].where(won == 1, 0)
        first = closed["is_first_won"].astype(int)
        return closed.assign(day=closed["closed_day"], closed=1, won=won, revenue=revenue, new_customers=first)

    @cached_property
    def open_days(self) -> pd.DataFrame:
        return sales.open_days(self.observed, self.deals)

    @cached_property
    def contracts(self) -> pd.DataFrame:
        return recurring.contracts(self.observed)

    @cached_property
    def spend(self) -> pd.DataFrame:
        return spend.spend(self.observed)

    @cached_property
    def touches(self) -> pd.DataFrame:
        return attribution.touchpoints(self.observed)

    @cached_property
    def conversions(self) -> pd.DataFrame:
        return attribution.conversions(self.observed, self.deals)

    @cached_property
    def margins(self) -> pd.DataFrame:
        """Value of first wins by the touches that earned them."""
        return self.credits(self.rules.kpi_model, "customer")

    # Web and email.

    def _count(self, fact: pd.DataFrame, measure: str, cadence: str, dimension: str, unit: int = 1) -> pd.DataFrame:
        return self.tally.additive(self.tally.sums(fact, measure, cadence, dimension), cadence, dimension, unit)

    def _share(
        self, fact: pd.DataFrame, part: str, whole: str, cadence: str, dimension: str, unit: int = 1
    ) -> pd.DataFrame:
        above = self.tally.sums(fact, part, cadence, dimension)
        below = self.tally.sums(fact, whole, cadence, dimension)
        return self.tally.ratio(above, below, cadence, dimension, unit)

    def _web_sessions(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.sessions, "sessions", cadence, dimension)

    def _bounce_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.sessions, "bounced", "sessions", cadence, dimension)

    def _web_conversion_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.sessions, "converted", "sessions", cadence, dimension)

    def _email_open_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.sends, "opened", "delivered", cadence, dimension)

    def _email_open_rate_human(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.sends, "opened_human", "delivered", cadence, dimension)

    def _email_click_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.sends, "clicked", "delivered", cadence, dimension)

    # Leads and what they cost.

    def _leads_created(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.leads, "leads", cadence, dimension)

    def _mql_count(self, cadence: str, dimension: str) -> pd.DataFrame:
        qualified = self.leads[self.leads["mql_day"].notna()]
        return self._count(qualified.assign(day=qualified["mql_day"]), "leads", cadence, dimension)

    def _cpl(self, cadence: str, dimension: str) -> pd.DataFrame:
        media = self.spend[self.spend["category"] == "media"]
        above = self.tally.sums(media, "media", cadence, dimension)
        below = self.tally.sums(self.leads, "leads", cadence, dimension)
        return self.tally.ratio(above, below, cadence, dimension, unit=100)

    def _cac(self, cadence: str, dimension: str) -> pd.DataFrame:
        above = self.tally.sums(self.spend, "cents", cadence, dimension)
        below = self.tally.sums(self.closed, "new_customers", cadence, dimension)
        return self.tally.ratio(above, below, cadence, dimension, unit=100)

    def _romi(self, cadence: str, dimension: str) -> pd.DataFrame:
        marketing = self.spend[~self.spend["category"].isin(self.rules.sales_cost_categories)]
        cost = self.tally.sums(marketing, "marketing", cadence, dimension)
        value = self.tally.sums(self.margins, "cents", cadence, dimension)
        index = cost.index.union(value.index)
        margin = value.reindex(index, fill_value=0) * self.rules.margin_ratio
        cost = cost.reindex(index, fill_value=0)
        return self.tally.ratio((margin - cost) / 100, cost / 100, cadence, dimension)

    # Pipeline and deals.

    def _pipeline_generated(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.created, "created_cents", cadence, dimension, unit=100)

    def _new_opportunities(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.created, "opportunities", cadence, dimension)

    def _win_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.closed, "won", "closed", cadence, dimension)

    def _sales_cycle_days(self, cadence: str, dimension: str) -> pd.DataFrame:
        won = self.closed[(self.closed["won"] == 1) & (self.closed["cycle_days"] >= 0)]
        keyed = self.tally.keyed(won, cadence, dimension)
        median = keyed.groupby(["period_start", "dimension_value"])["cycle_days"].median()
        return self.tally.plain(median, cadence, dimension)

    def _revenue(self, cadence: str, dimension: str) -> pd.DataFrame:
        won = self.closed[self.closed["won"] == 1]
        return self._count(won, "revenue", cadence, dimension, unit=100)

    def _avg_deal_size(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.closed[self.closed["won"] == 1], "revenue", "won", cadence, dimension, unit=100)

    def _at_ends(self, fact: pd.DataFrame, cadence: str) -> pd.DataFrame:
        """The rows of a daily fact on the last covered day of each period."""
        return fact[fact["day"].isin(self.tally.periods(cadence)["last_day"])]

    def _open_pipeline(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self._at_ends(self.open_days, cadence), "cents", cadence, dimension, unit=100)

    def _pipeline_velocity(self, cadence: str, dimension: str) -> pd.DataFrame:
        """Open deals × win rate × average won amount / median cycle, over the days that end with the period."""
        still_open = self.tally.sums(self._at_ends(self.open_days, cadence), "deals", cadence, dimension)
        velocity = {}
        for period in self.tally.periods(cadence).itertuples():
            since = period.last_day - np.timedelta64(self.rules.velocity_days - 1, "D")
            window = self.closed[self.closed["day"].between(since, period.last_day)]
            groups = [("total", window)] if dimension == "total" else window.groupby(dimension)
            for name, closed in groups:
                won = closed[closed["won"] == 1]
                key = (period.period_start, name)
                if len(won) >= self.rules.velocity_min_won and key in still_open.index:
                    average = won["revenue"].sum() / 100 / len(won)
                    cycle = won.loc[won["cycle_days"] >= 0, "cycle_days"].median()
                    velocity[key] = still_open[key] * (len(won) / len(closed)) * average / cycle
        index = pd.MultiIndex.from_tuples(velocity, names=["period_start", "dimension_value"]) if velocity else None
        values = pd.Series(velocity, index=index, dtype=np.float64) if velocity else still_open.iloc[:0].astype(float)
        return self.tally.plain(values, cadence, dimension)

    # Recurring revenue.

    def _balances(self, cadence: str) -> pd.DataFrame:
        return recurring.balances(self.contracts, self.tally.periods(cadence)["last_day"])

    def _mrr(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self._balances(cadence), "cents", cadence, dimension, unit=100)

    def _mrr_movements(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(recurring.movements(self.observed, self.contracts), "cents", cadence, dimension, unit=100)

    def _customer_churn_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        customers = recurring.customer_periods(self.observed, self.contracts, cadence)
        return self._share(customers, "churned", "customers", cadence, dimension)

    def _retention_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        customers = recurring.customer_periods(self.observed, self.contracts, cadence)
        return self._share(customers, "retained", "customers", cadence, dimension)

    def _ltv_cac_ratio(self, cadence: str, dimension: str) -> pd.DataFrame:
        """(MRR per customer × margin / monthly churn of the six months before the last one) / CAC of the period."""
        cac = self._cac(cadence, "total").set_index("period_start")["value"]
        months = recurring.customer_periods(self.observed, self.contracts, "month")
        ratios = {}
        for period in self.tally.periods(cadence).itertuples():
            paid = recurring.paying(self.contracts, period.last_day)
            last_month = period.last_day.replace(day=1)
            before = last_month - pd.DateOffset(months=self.rules.churn_months)
            window = months[(months["day"] >= before) & (months["day"] < last_month)]
            churn = window["churned"].sum() / window["customers"].sum() if len(window) else 0.0
            customers = paid["company"].nunique()
            price = cac[period.period_start]
            if churn > 0 and customers and price > 0:
                value = paid["cents"].sum() / 100 / customers * self.rules.margin_ratio / churn
                ratios[(period.period_start, "total")] = value / price
        index = pd.MultiIndex.from_tuples(ratios, names=["period_start", "dimension_value"]) if ratios else None
        return self.tally.plain(pd.Series(ratios, index=index, dtype=np.float64), cadence, dimension)

    # Selling activity.

    def _meetings_booked(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(facts.meetings(self.observed), "meetings", cadence, dimension)

    def _demos_next_week(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(facts.demo_outlook(self.observed), "demos", cadence, dimension)
