"""`Ledger`: the cells of every KPI and the credits of every rule attribution model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

from sandbox.world.ledger import facts, recurring
from sandbox.world.ledger.evidence import Facts
from sandbox.world.ledger.kpis import KPIS, Scope
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import Rules
from sandbox.world.ledger.tally import Tally
from sandbox.world.snapshot import Snapshot


class Ledger:
    """What the KPIs of a snapshot must say, by definitions written down here a second time.

    `first` is the first day reported on (the world's start by default). `cells` gives `total` for every period up to
    the last whole day, other dimensions where there is something to report.
    """

    def __init__(self, snapshot: Snapshot, *, rules: Rules | None = None, first: date | None = None) -> None:
        self.rules = rules or Rules()
        self.facts = Facts(Observed(snapshot, self.rules), self.rules)
        self.tally = Tally(first or snapshot.start, snapshot.until)

    @property
    def kpis(self) -> dict[str, Scope]:
        """Cadences and dimensions of each KPI the ledger knows."""
        return KPIS

    def cells(self, kpi: str, cadence: str, dimension: str = "total") -> pd.DataFrame:
        """Columns period_start, dimension_value, numerator, denominator, value. KeyError where no such cells are."""
        scope = KPIS[kpi]
        if cadence not in scope.cadences or dimension not in ("total", *scope.dimensions):
            raise KeyError(f"{kpi} has no {cadence} cells by {dimension}: {scope}")
        family: Callable[[str, str], pd.DataFrame] = getattr(self, f"_{kpi}")
        return family(cadence, dimension)

    def credits(self, model: str, conversion_type: str) -> pd.DataFrame:
        """One row per conversion and credited touch: conversion, day, channel, campaign, content, credit, cents."""
        return self.facts.credits(model, conversion_type)

    def attribution(self, model: str, conversion_type: str) -> pd.DataFrame:
        """Conversions (fractional) and value in the reporting currency by channel and campaign, over all days."""
        by = self.credits(model, conversion_type).groupby(["channel", "campaign"], as_index=False)
        sums: pd.DataFrame = by[["credit", "cents"]].sum()
        return sums.assign(conversions=sums["credit"], value=sums["cents"] / 100)[
            ["channel", "campaign", "conversions", "value"]
        ]

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
        return self._count(self.facts.sessions, "sessions", cadence, dimension)

    def _bounce_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.sessions, "bounced", "sessions", cadence, dimension)

    def _web_conversion_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.sessions, "converted", "sessions", cadence, dimension)

    def _email_open_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.sends, "opened", "delivered", cadence, dimension)

    def _email_open_rate_human(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.sends, "opened_human", "delivered", cadence, dimension)

    def _email_click_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.sends, "clicked", "delivered", cadence, dimension)

    # Leads and what they cost.

    def _leads_created(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.facts.leads, "leads", cadence, dimension)

    def _mql_count(self, cadence: str, dimension: str) -> pd.DataFrame:
        qualified = self.facts.leads[self.facts.leads["mql_day"].notna()]
        return self._count(qualified.assign(day=qualified["mql_day"]), "leads", cadence, dimension)

    def _cpl(self, cadence: str, dimension: str) -> pd.DataFrame:
        media = self.facts.spend[self.facts.spend["category"] == "media"]
        above = self.tally.sums(media, "media", cadence, dimension)
        below = self.tally.sums(self.facts.leads, "leads", cadence, dimension)
        return self.tally.ratio(above, below, cadence, dimension, unit=100)

    def _cac(self, cadence: str, dimension: str) -> pd.DataFrame:
        above = self.tally.sums(self.facts.spend, "cents", cadence, dimension)
        below = self.tally.sums(self.facts.closed, "new_customers", cadence, dimension)
        return self.tally.ratio(above, below, cadence, dimension, unit=100)

    def _romi(self, cadence: str, dimension: str) -> pd.DataFrame:
        marketing = self.facts.spend[~self.facts.spend["category"].isin(self.rules.sales_cost_categories)]
        cost = self.tally.sums(marketing, "marketing", cadence, dimension)
        margins = self.facts.margins
        marketings = margins[~margins["channel"].isin(self.rules.not_marketing_channels)]
        value = self.tally.sums(marketings, "cents", cadence, dimension)
        index = cost.index.union(value.index)
        margin = value.reindex(index, fill_value=0) * self.rules.margin_ratio
        cost = cost.reindex(index, fill_value=0)
        return self.tally.ratio((margin - cost) / 100, cost / 100, cadence, dimension)

    # Pipeline and deals.

    def _pipeline_generated(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.facts.created, "created_cents", cadence, dimension, unit=100)

    def _marketing_sourced_pipeline(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.facts.sourced, "sourced_cents", cadence, dimension, unit=100)

    def _marketing_influenced_pipeline(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.facts.sourced, "influenced_cents", cadence, dimension, unit=100)

    def _new_opportunities(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self.facts.created, "opportunities", cadence, dimension)

    def _win_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(self.facts.closed, "won", "closed", cadence, dimension)

    def _sales_cycle_days(self, cadence: str, dimension: str) -> pd.DataFrame:
        won = self.facts.closed[(self.facts.closed["won"] == 1) & (self.facts.closed["cycle_days"] >= 0)]
        keyed = self.tally.keyed(won, cadence, dimension)
        median = keyed.groupby(["period_start", "dimension_value"])["cycle_days"].median()
        return self.tally.plain(median, cadence, dimension)

    def _revenue(self, cadence: str, dimension: str) -> pd.DataFrame:
        won = self.facts.closed[self.facts.closed["won"] == 1]
        return self._count(won, "revenue", cadence, dimension, unit=100)

    def _avg_deal_size(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._share(
            self.facts.closed[self.facts.closed["won"] == 1], "revenue", "won", cadence, dimension, unit=100
        )

    def _at_ends(self, fact: pd.DataFrame, cadence: str) -> pd.DataFrame:
        """The rows of a daily fact on the last covered day of each period."""
        return fact[fact["day"].isin(self.tally.periods(cadence)["last_day"])]

    def _open_pipeline(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self._at_ends(self.facts.open_days, cadence), "cents", cadence, dimension, unit=100)

    def _pipeline_velocity(self, cadence: str, dimension: str) -> pd.DataFrame:
        """Open deals × win rate × average won amount / median cycle, over the days that end with the period."""
        still_open = self.tally.sums(self._at_ends(self.facts.open_days, cadence), "deals", cadence, dimension)
        velocity = {}
        for begin, last_day in self.tally.spans(cadence):
            since = last_day - pd.Timedelta(days=self.rules.velocity_days - 1)
            window = self.facts.closed[self.facts.closed["day"].between(since, last_day)]
            groups = [("total", window)] if dimension == "total" else window.groupby(dimension)
            for name, closed in groups:
                won = closed[closed["won"] == 1]
                key = (begin, str(name))
                if len(won) >= self.rules.velocity_min_won and key in still_open.index:
                    average = won["revenue"].sum() / 100 / len(won)
                    cycle = won.loc[won["cycle_days"] >= 0, "cycle_days"].median()
                    velocity[key] = still_open[key] * (len(won) / len(closed)) * average / cycle
        index = pd.MultiIndex.from_tuples(velocity, names=["period_start", "dimension_value"]) if velocity else None
        values = pd.Series(velocity, index=index, dtype=np.float64) if velocity else still_open.iloc[:0].astype(float)
        return self.tally.plain(values, cadence, dimension)

    # Recurring revenue.

    def _balances(self, cadence: str) -> pd.DataFrame:
        return recurring.balances(self.facts.contracts, self.tally.periods(cadence)["last_day"])

    def _customers(self, cadence: str) -> pd.DataFrame:
        return recurring.customer_periods(self.facts.contracts, self.tally.first, self.tally.until, cadence)

    def _mrr(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(self._balances(cadence), "cents", cadence, dimension, unit=100)

    def _mrr_movements(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(
            recurring.movements(self.facts.observed, self.facts.contracts), "cents", cadence, dimension, unit=100
        )

    def _customer_churn_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        customers = self._customers(cadence)
        return self._share(customers, "churned", "customers", cadence, dimension)

    def _retention_rate(self, cadence: str, dimension: str) -> pd.DataFrame:
        customers = self._customers(cadence)
        return self._share(customers, "retained", "customers", cadence, dimension)

    def _ltv_cac_ratio(self, cadence: str, dimension: str) -> pd.DataFrame:
        """(MRR per customer × margin / monthly churn of the six months before the last one) / CAC of the period."""
        cac = self._cac(cadence, "total").set_index("period_start")["value"]
        months = self._customers("month")
        ratios = {}
        for begin, last_day in self.tally.spans(cadence):
            paid = recurring.paying(self.facts.contracts, last_day)
            last_month = last_day.replace(day=1)
            before = last_month - pd.DateOffset(months=self.rules.churn_months)
            window = months[(months["day"] >= before) & (months["day"] < last_month)]
            churn = window["churned"].sum() / window["customers"].sum() if len(window) else 0.0
            customers = paid["company"].nunique()
            price = cac[begin]
            if churn > 0 and customers and price > 0:
                value = paid["cents"].sum() / 100 / customers * self.rules.margin_ratio / churn
                ratios[(begin, "total")] = value / price
        index = pd.MultiIndex.from_tuples(ratios, names=["period_start", "dimension_value"]) if ratios else None
        return self.tally.plain(pd.Series(ratios, index=index, dtype=np.float64), cadence, dimension)

    # Selling activity.

    def _meetings_booked(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(facts.meetings(self.facts.observed), "meetings", cadence, dimension)

    def _demos_next_week(self, cadence: str, dimension: str) -> pd.DataFrame:
        return self._count(facts.demo_outlook(self.facts.observed), "demos", cadence, dimension)
