"""Random histories: late, merged, deleted, reopened and corrected records, missed days, backfills, reruns, erasures and
changed rules, on a lake that gains columns after its first load.

HYPOTHESIS_PROFILE=nightly python -m pytest -s -n 2 --dist load tests/history -k whatever
                                                     (200 histories; the default are those of five minutes)
"""

from __future__ import annotations

import datetime as dt
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import pytest
from dbt.contracts.graph.manifest import Manifest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from orchestration import as_of
from sandbox.changes import KINDS, Change
from sandbox.server import running
from sandbox.world import World
from tests.conftest import IS_NIGHTLY
from tests.dbt_project.warehouse import changeable
from tests.history.twin import FIRST, START, Twin
from tests.orchestration.marts import contents
from tests.stacks import STACKS

RUNS = 8  # of one history, the one it begins with among them
# Processes take the nightly ones in shares, each of one stack and with chances of its own.
SHARES = ("hubspot", "hubspot", "salesforce", "pipedrive") if IS_NIGHTLY else ("hubspot",)
HISTORIES = 50 if IS_NIGHTLY else 2
# Hypothesis also tries histories that end early: they do not count, nor do they cost much.
TRIES_PER_HISTORY = 2
# In CI as many as fit into five minutes: once one whole history was lived, no run begins after that.
BUDGET_SECONDS = math.inf if IS_NIGHTLY else 180
# (kind, row it happens to, factor); they happen on the day the step begins with. Kinds are counted from the step's own:
# hypothesis begins with the simplest history there is, and that one should not edit one kind of record over and over.
CHANGES = st.lists(
    st.tuples(st.integers(0, len(KINDS) - 1), st.integers(0, 40), st.sampled_from((0.5, 1.5))), min_size=1, max_size=3
)
STEPS_APART = 5
# Cadences whose own job does not run that day: the next that does must catch up.
LEFT = st.sets(st.sampled_from(("week", "month", "quarter", "year")))
# Vars of the project that say otherwise, of sessions, costs, meetings and attribution; at last those of the project.
RULES = (
    {"key_events": ["sign_up"]},
    {"sales_cost_categories": []},
    {"held_outcomes": ["completed", "scheduled"]},
    {"attribution_half_life_days": 14, "marketing_sourced_rule": "lead_source"},
    {},
)


@pytest.fixture(scope="module")
def founders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Twin]]:
    """`stack → a home after its first refresh`; histories begin with a copy of it at the same place."""
    with ExitStack() as companies:

        def found(stack: str) -> Twin:
            sources, folder = STACKS[stack], tmp_path_factory.mktemp(stack)
            world = World(seed=11, start=START, scale=0.4)
            company = companies.enter_context(running(world, FIRST, home=folder / "company", sources=sources))
            twin = Twin(folder / "home", sources, company)
            twin.pull((FIRST - START).days)
            twin.forget_columns()
            twin._dbt(twin.settings(), "seed")
            twin.refresh()
            shutil.copytree(twin.home, twin.home.with_name("founded"))
            return twin

        yield cache(found)


def begin(founded: Twin) -> Twin:
    shutil.rmtree(founded.home)
    shutil.copytree(founded.home.with_name("founded"), founded.home)
    twin = Twin(founded.home, founded.sources, founded.company)
    twin.live(0, ())
    return twin


class History(RuleBasedStateMachine):
    """After every run, whatever it was, the marts equal those built from scratch; one look back ends the history."""

    founded: Twin
    ends_at: float
    whole: ClassVar[int] = 0  # histories lived to their end, all runs of them

    @initialize()
    def found(self) -> None:
        self.twin = begin(self.founded)
        self.known: list[tuple[dt.datetime, dict[str, tuple[int, str]]]] = []
        self.steps, self.lived = 0, False

    @property
    def is_over(self) -> bool:
        return self.whole == HISTORIES or (self.whole > 0 and time.monotonic() > self.ends_at)

    def run(self, lived: int, changes: list[tuple[int, int, float]], pulled: int, left: Collection[str] = ()) -> None:
        if self.is_over:
            return
        day, self.lived = self.twin.until, lived > 0
        self.steps += 1
        kinds = [(STEPS_APART * self.steps + kind) % len(KINDS) for kind, *_ in changes]
        edits = zip(kinds, changes, strict=True)
        self.twin.live(lived, [Change(sorted(KINDS)[kind], day, which, factor) for kind, (_, which, factor) in edits])
        self.twin.pull(pulled)
        self.twin.refresh(left)
        assert self.twin.differences(self.twin.scratch(), left) == []
        if not left and not self.twin.rules:
            self.known.append((dt.datetime.now(dt.UTC), contents(self.twin.home)))

    @rule(changes=CHANGES, left=LEFT)
    def daily(self, changes: list[tuple[int, int, float]], left: set[str]) -> None:
        self.run(1, changes, 1, left)

    @rule(changes=CHANGES, missed=st.integers(1, 5))
    def after_missed_days(self, changes: list[tuple[int, int, float]], missed: int) -> None:
        self.run(1 + missed, changes, 1)

    @rule(changes=CHANGES, lived=st.integers(1, 3), pulled=st.integers(2, 20))
    def backfill(self, changes: list[tuple[int, int, float]], lived: int, pulled: int) -> None:
        self.run(lived, changes, pulled)

    @rule(changes=CHANGES, which=st.integers(0, 400))
    def after_an_erasure(self, changes: list[tuple[int, int, float]], which: int) -> None:
        if not self.is_over and self.twin.erase(which):
            self.known.clear()  # what the lake knew before names somebody it now calls otherwise
        self.run(1, changes, 3)

    @rule(changes=CHANGES, rules=st.sampled_from(RULES))
    def by_other_rules(self, changes: list[tuple[int, int, float]], rules: dict[str, Any]) -> None:
        self.twin.rules = rules
        self.run(1, changes, 1)

    @precondition(lambda self: self.lived and self.steps % 3 == 0)  # or the simplest history would be mostly reruns
    @rule()
    def rerun(self) -> None:
        self.run(0, [], 1)

    def teardown(self) -> None:
        if self.steps == RUNS - 1:
            type(self).whole += 1
        if getattr(self, "known", None):
            moment, marts = self.known[len(self.known) // 2]
            rebuilt = as_of.rebuild(self.twin.settings(), moment, lambda *_: None)
            assert contents(rebuilt.warehouse.parent) == marts, f"as of {moment} the marts are not what they were then"
        sys.stderr.write(f"{os.getpid()}: {self.whole} histories whole, the last in {self.steps} runs\n")


@pytest.mark.slow
@pytest.mark.parametrize(("stack", "share"), zip(SHARES, range(len(SHARES)), strict=True))
def test_incremental_equals_full_refresh_whatever_happens(
    founders: Callable[[str], Twin], stack: str, share: int
) -> None:
    end = time.monotonic() + BUDGET_SECONDS
    machine = type("History", (History,), {"founded": founders(stack), "ends_at": end})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES * TRIES_PER_HISTORY,
            stateful_step_count=RUNS,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert machine.whole >= (HISTORIES if IS_NIGHTLY else 1)


@dataclass(frozen=True)
class Mutation:
    """A rule by which an incremental model finds what a load made stale (`place` is its macro), what stands there
    without it, and the edits, or other `rules` of the project, that nothing but this rule brings to light. `late_days`:
    how long emails are provisional.
    """

    place: str
    rule: str
    without: str
    edits: str
    late_days: int = 8
    select: str = "+fct_sessions"
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def remembering(self) -> str:
        """Models that keep what periods and months rest on: they first learn what the mutated rule says of it."""
        return {
            STATES: f"{self.select},config.materialized:table_by_month",
            PERIODS: f"int_kpi__fact_days int_kpi__periods {self.select.replace('+', '')}",
        }.get(self.place, "")


def period(rule: str, without: str, edits: str, late_days: int = 8) -> Mutation:
    return Mutation(PERIODS, rule, without, edits, late_days, "+kpi_values_day +kpi_values_month")


DAYS, MONTHS, STATES = "engine/replace_days.sql", "engine/table_by_month.sql", "engine/month_states.sql"
PERIODS = "kpi/kpi_periods.sql"
EMAILS = "models/marts/core/fct_email_sends.yml"
MUTATIONS = {
    "days whose load was superseded stay": Mutation(
        DAYS,
        "where owners.day = {{ target }}.{{ meta['day_column'] }} and owners.load_id = {{ target }}.load_id",
        "where owners.day = {{ target }}.{{ meta['day_column'] }}",
        "late_session",
    ),
    "days found empty stay": Mutation(
        DAYS,
        "    where not exists (\n        select 1\n        from {{ ref(meta['day_owners']) }} as owners",
        "    where exists (\n        select 1\n        from {{ ref(meta['day_owners']) }} as owners",
        "late_session",
    ),
    "only days nobody has are taken in": Mutation(
        DAYS,
        "where held.{{ day_column }} = owners.day and held.load_id = owners.load_id",
        "where held.{{ day_column }} = owners.day",
        "late_session",
    ),
    "only days after the newest one are taken in": Mutation(
        DAYS,
        "where held.{{ day_column }} = owners.day and held.load_id = owners.load_id",
        "where held.{{ day_column }} >= owners.day",
        "late_session",
    ),
    "days made by an older rule stay": Mutation(
        DAYS, " and held.made_by = '{{ made_by() }}'", "", "late_session", rules={"key_events": ["sign_up"]}
    ),
    "months made by an older rule stay": Mutation(
        STATES,
        """~ (" and made_by = '" ~ made_by ~ "'" if made_by else "")""",
        "",
        "late_session",
        rules={"engaged_seconds": 30},
    ),
    "a month is written once": Mutation(
        MONTHS, "where said.digest is distinct from held.digest", "where held.month is null", "late_session"
    ),
    "a month is made once": Mutation(
        STATES, "where made.digest is distinct from held.made_of", "where held.month is null", "late_session"
    ),
    "a month does not rest on what its rows look up": Mutation(
        STATES, "in meta.get('looked_up', {}).items() %}", "in [] %}", "identity_found"
    ),
    "a month does not rest on the months before it": Mutation(
        STATES, "(days.days_after or 0)", "0", "late_session", select="+attribution_credits"
    ),
    "a month does not rest on the months after it": Mutation(
        STATES, "-(days.days_before or 0)", "0", "deal_amount", select="+attribution_channels"
    ),
    "a period does not rest on what its facts say": period(
        "{{ rows_digest('fact', kpi_text_columns(fact)) }} as digest", "'' as digest", "deal_amount"
    ),
    "a period does not rest on the one before": period("coalesce(previous.state, '')", "''", "contact_deleted"),
    "a period does not rest on its targets": period(
        "{{ rows_digest('targets', ['kpi', 'dimension', 'dimension_value', 'file_name']) }}",
        "''",
        "target_corrected",
    ),
    "a period does not rest on how far the data reach": period(
        "cast(least(periods.data_through, {{ add_days('periods.period_end', late_days) }}) as varchar)",
        "''",
        "late_session",
        late_days=70,  # until long after anything else happens on such a day
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_dropped_rule_is_noticed(founders: Callable[[str], Twin], name: str) -> None:
    twin, mutation = begin(founders("hubspot")), MUTATIONS[name]
    twin.project = mutated(changeable(twin.settings()), mutation)
    if mutation.remembering:
        twin.select = mutation.remembering
        twin.refresh()
    twin.select, twin.rules = mutation.select, mutation.rules
    twin.live(2, [Change(mutation.edits, twin.until, which) for which in range(0, 300, 7)])
    twin.pull(5)
    twin.refresh()
    assert twin.differences(twin.scratch()) != []


def mutated(project: Manifest, mutation: Mutation) -> Manifest:
    """The project as dbt would parse it with another text of one macro, and emails provisional for longer."""
    places = [macro for macro in project.macros.values() if macro.original_file_path == f"macros/{mutation.place}"]
    (macro,) = [macro for macro in places if mutation.rule in macro.macro_sql] or [None]
    assert macro, f"{mutation.place} says otherwise now: take the rule away as it stands"
    macro.macro_sql = macro.macro_sql.replace(mutation.rule, mutation.without)
    emails = [metric.config.meta for metric in project.metrics.values() if metric.original_file_path == EMAILS]
    provisional = [meta for meta in emails if "late_days" in meta]
    assert provisional
    for meta in provisional:
        meta["late_days"] = mutation.late_days
    return project
