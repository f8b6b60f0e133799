"""The facts of one snapshot, each built once and only when a KPI asks."""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from sandbox.world.ledger import attribution, facts, recurring, sales, sourcing, spend
from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import Rules


class Facts:
    """Facts by family; every frame has `day`, dimensions and whole-number measures."""

    def __init__(self, observed: Observed, rules: Rules) -> None:
        self.observed, self.rules = observed, rules
        self._journeys: dict[str, attribution.Journeys] = {}

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
    def sourced(self) -> pd.DataFrame:
        """Deals created, with what each rule says of their origin and the cents that are marketing's."""
        first = self.credits("first_touch", "opportunity")
        verdicts = sourcing.sourcing(self.observed, self.deals, self.touches, first[first["credit"] == 1])
        created = self.created.join(verdicts)
        return created.assign(
            sourced_cents=created["created_cents"].where(created[self.rules.sourced_rule].eq(True), 0),
            influenced_cents=created["created_cents"].where(created["influenced"], 0),
        )

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

    def credits(self, model: str, conversion_type: str) -> pd.DataFrame:
        """One row per conversion and credited touch: conversion, day, channel, campaign, content, credit, cents."""
        if conversion_type not in self._journeys:
            found = attribution.journeys(self.observed, self.touches, self.conversions, conversion_type)
            self._journeys[conversion_type] = found
        return attribution.credit(self._journeys[conversion_type], model, self.rules)
