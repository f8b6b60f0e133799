"""The ledger over days on which the sources change one thing or some: every cell that moved knows why."""

from __future__ import annotations

import datetime as dt
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from ingestion import lake
from orchestration import dbt
from orchestration.assets.dbt import KPI_FOLDER, KPI_PERIODS, KPI_STEPS
from sandbox.changes import Change
from serving import marts, release
from serving.ledger import cells, explain, record
from serving.ledger.periods import Period, PeriodError, parse
from serving.report import explanation
from tests.conftest import Home, home_environment, serving
from tests.orchestration.marts import contents
from tests.serving import warehouse
from tests.serving.warehouse import Places

GATES = [{"gate": "raw", "passed": True}]
# What happens on each day after the built home's last, and the KPI whose earlier cells must say so, with the cause.
WEEK = (
    (
        ("contacts_merged", 1, "leads_created", "merge"),
        ("cost_corrected", 0, "cac", "cost_file"),
        ("deal_archived", 0, "new_opportunities", "delete"),
        ("deal_owner", 0, "open_pipeline", "edit"),
    ),
    (
        ("late_session", 0, "web_sessions", "late_data"),
        ("deal_reopened", 1, "win_rate", "reopening"),
        ("touch_corrected", 7, "leads_created", "late_data"),
    ),
    (("rates_corrected", 1, "open_pipeline", "fx"),),
)
RATES = 2
REDEFINED = "leads_created"
RULED = "comparison"  # the channel that a company's own rule gives
ATTRIBUTED = (
    "attribution_credits",
    "attribution_channels",
    "attribution_data_driven",
    "attribution_dimensions",
    "attribution_paths",
    "journeys",
    "pipeline_sourcing",
    "sourcing_gap",
)
DAILY, MONTHLY = "dbt_kpi_day", ("dbt_kpi_month", "dbt_kpi_year")


@dataclass(frozen=True)
class Week:
    """The home after the week, and the release each day ended with; the last one follows edits of the project: another
    definition of a KPI, and a channel rule of the company's own.
    """

    home: Home
    releases: tuple[str, ...]
    project: Path

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """A query over `ledger`, every row of the current release's `kpi_ledger`."""
        served = self.home.path / "releases" / "current"
        with duckdb.connect() as connection:
            connection.execute(f"create view ledger as from '{served}/kpi_ledger*.parquet'")
            connection.execute(f"create view cells as from '{served}/kpi_values*.parquet'")
            return connection.execute(query, list(values)).fetchall()


@pytest.fixture(scope="module")
def week(built_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Week]:
    """Pulled, built and published day by day, as a refresh does it, without what judges in between."""
    path = tmp_path_factory.mktemp("week") / "home"
    shutil.copytree(built_home.path, path, symlinks=True)
    home = Home(path, home_environment(path), built_home.world)
    changes: list[Change] = []
    ended = []
    for number, happens in enumerate(WEEK, start=1):
        today = home.older(number)
        changes += [Change(kind, today.last_day, which) for kind, which, *_ in happens]
        with serving(today, changes=changes) as served, served.active() as now:
            for source in now.sources:
                lake.pull(source, today.last_day, today.until, settings=now)
            ended.append(_publish(now))
    project = _edited(path.with_name("project"))
    with pytest.MonkeyPatch.context() as patch, serving(today, changes=changes) as served, served.active() as now:
        for source in ("ga4", "spreadsheets"):  # days of this week again, as they were: that is no cause
            lake.pull(source, today.last_day, today.until, settings=now)
        patch.setattr(dbt, "PROJECT_DIR", project)
        patch.setattr(record, "PROJECT", project)
        ended.append(_publish(now))
    yield Week(today, tuple(ended), project)


def _publish(now: object, *selection: str) -> str:
    done = dbt.build(now, [*selection, "--exclude-resource-type", "test"])  # type: ignore[arg-type]
    assert not done.errors, done.errors
    published = release.publish(now, GATES)  # type: ignore[arg-type]
    assert published.is_new
    return published.id


def _edited(project: Path) -> Path:
    """The dbt project with another definition of one KPI, only leads that have an owner, and one more channel rule."""
    shutil.copytree(dbt.PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    yaml = project / "models" / "marts" / "core" / "fct_leads.yml"
    text = yaml.read_text(encoding="utf-8")
    old = "        agg: count\n        expr: person_id\n        agg_time_dimension: lead_date\n"
    assert text.count(old) == 1, "the metric is written otherwise now: edit it here as somebody would"
    yaml.write_text(
        text.replace(old, old.replace("expr: person_id", "expr: case when owner <> '(none)' then person_id end"))
    )
    with (project / "seeds" / "channel_rules_own.csv").open("a", encoding="utf-8") as own:
        own.write(f"10,,,crm-.*,,,{RULED}\n")
    return project


@pytest.mark.slow
def test_nothing_is_unexplained(week: Week) -> None:
    assert week.rows("select * from ledger where cause_parts like '%unexplained%' limit 3") == []
    causes = {cause for (cause,) in week.rows("select distinct cause from ledger")}
    assert {"first_report", "period_open", "mixed", "definition_change"} <= causes


@pytest.mark.slow
def test_the_ledger_alone_says_what_the_last_release_did(week: Week) -> None:
    """What the next one is compared with where every release is lost: values, versions, and what was final."""
    served = week.home.path / "releases" / "current"
    with marts.memory() as connection:
        connection.execute("create schema new")
        for mart in ("kpi_values", "kpi_catalogue"):
            connection.execute(f"create view new.{mart} as from '{served}/{mart}*.parquet'")
        cells.recall(connection, f"'{week.home.path}/ledger/*.parquet'")
        # But for the reason of a missing value, which no ledger has.
        said = ", ".join(
            (*cells.KEY, "value", "numerator", "denominator", "period_end", "period_status", "definition_version")
        )
        (recalled,) = connection.execute("select count(*) from old_changed.kpi_values").fetchone() or (0,)
        for one, other in (("old_changed", "new"), ("new", "old_changed")):
            apart = f"select {said} from {one}.kpi_values except select {said} from {other}.kpi_values limit 3"
            assert connection.execute(apart).fetchall() == []
    assert recalled > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "kpi", "cause"), [(n, kpi, cause) for n, day in enumerate(WEEK) for _, _, kpi, cause in day]
)
def test_a_cell_knows_why_it_changed(week: Week, number: int, kpi: str, cause: str) -> None:
    """The day's release holds cells of that KPI changed for that reason alone, and explain prints it."""
    found = week.rows(
        "select cadence, period_start, dimension, dimension_value, old_value, new_value from ledger"
        " where release_id = ? and kpi = ? and cause = ?"
        " order by was_final desc, cadence, period_start, dimension, dimension_value",
        week.releases[number],
        kpi,
        cause,
    )
    assert found, week.rows(
        "select kpi, cause_parts, count(*) from ledger where release_id = ? group by all", week.releases[number]
    )
    cadence, start, dimension, value, old, new = found[0]
    with week.home.active() as now:
        served = release.current(now)
        assert served is not None
        told = explain.explain(now, served, kpi, Period(str(cadence), start), str(dimension), str(value))  # type: ignore[arg-type]
    entry = next(one for one in told.history if one.release_id == week.releases[number])
    assert (entry.cause, entry.old.value, entry.new.value) == (cause, old, new)
    assert told.inputs
    assert all((week.home.path / "lake" / file).exists() for one in told.lake for file in one.files)
    assert any(one.files for one in told.lake)


@pytest.mark.slow
def test_only_the_redefined_kpi_and_what_is_built_on_it_changed_by_definition(week: Week) -> None:
    """The rule moved what is cut by channel, and nothing else."""
    last = week.releases[-1]
    changed = week.rows("select distinct kpi from ledger where release_id = ? and dimension <> 'channel'", last)
    assert {kpi for (kpi,) in changed} == {REDEFINED, "cpl"}
    assert week.rows("select distinct cause from ledger where release_id = ?", last) == [("definition_change",)]


@pytest.mark.slow
def test_a_channel_rule_moves_what_was_attributed_and_says_so(week: Week) -> None:
    """KPIs that count visits, where people came from and first touches: what the one channel lost, the other has."""
    moved = week.rows(
        "select distinct kpi, dimension_value, cause from ledger where release_id = ? and dimension = 'channel'"
        " and kpi in ('web_sessions', 'pipeline_generated', 'marketing_sourced_pipeline')",
        week.releases[-1],
    )
    kpis = ("web_sessions", "pipeline_generated", "marketing_sourced_pipeline")
    assert set(moved) == {(kpi, channel, "definition_change") for kpi in kpis for channel in ("paid_search", RULED)}


@pytest.mark.slow
def test_what_a_channel_rule_moved_is_attributed_as_in_a_full_refresh(
    week: Week, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "home"
    shutil.copytree(week.home.path, path, symlinks=True, ignore=shutil.ignore_patterns("releases", "sandbox"))
    carried_on = contents(path)
    with duckdb.connect(str(path / "warehouse.duckdb")) as db:
        assert db.execute("from marts.journeys where first_channel = ? limit 1", [RULED]).fetchall()
        for mart in ATTRIBUTED:
            db.execute(f"delete from marts.{mart}")
    monkeypatch.setattr(dbt, "PROJECT_DIR", week.project)
    ruled = [f"int_channels__classified+,+{mart}" for mart in ATTRIBUTED]
    with replace(week.home, path=path, environment=home_environment(path)).active() as now:
        assert dbt.invoke(now, ["run", "--full-refresh", "--select", *ruled, "--log-level", "none"]) == []
    assert contents(path) == carried_on


@pytest.mark.slow
def test_each_entry_of_a_cell_starts_from_the_one_before(week: Week) -> None:
    broken = week.rows(
        """
        select kpi from (
            select kpi, old_value, change, lag(new_value) over cell as before, lag(change) over cell as change_before
            from ledger
            window cell as (partition by kpi, cadence, period_start, dimension, dimension_value order by release_id)
        )
        where old_value is distinct from before
            or (change = 'appeared') <> coalesce(change_before = 'disappeared', true)
        """
    )
    assert broken == []


@pytest.mark.slow
def test_cells_that_were_final_are_counted_and_named(week: Week) -> None:
    final = week.rows("select count(*) from ledger where was_final and release_id = ?", week.releases[RATES])[0][0]
    with week.home.active() as now:
        manifests = {one.id: one.manifest["ledger"] for one in release.list_releases(now)}
    rates = manifests[week.releases[RATES]]
    assert rates["restated"] == final
    assert rates["restated"] > 10
    assert len(rates["examples"]) == 5
    assert all("(fx)" in example for example in rates["examples"])


@pytest.mark.slow
def test_a_month_computed_days_after_its_facts_changed_knows_why(home_copy: Home) -> None:
    """Two daily runs publish the corrected facts first: they differ no more from those of the newest release."""
    kinds = {"cost_corrected": 0, "deal_archived": 0}
    with home_copy.active() as now:
        first = release.current(now)
    assert first is not None
    changes: list[Change] = []
    ended = []
    for number, (kind, which) in enumerate(kinds.items(), start=1):
        today = home_copy.older(number)
        changes.append(Change(kind, today.last_day, which))
        with serving(today, changes=changes) as served, served.active() as now:
            for source in now.sources:
                lake.pull(source, today.last_day, today.until, settings=now)
            ended.append(_publish(now, "--exclude", *(step.select for step in KPI_STEPS if step.name != DAILY)))
    with home_copy.active() as now:
        others = [step.select for step in KPI_STEPS if step.name not in MONTHLY]
        ended.append(_publish(now, "--select", KPI_PERIODS, KPI_FOLDER, "--exclude", *others))
        served = release.current(now)
    assert served is not None
    assert served.manifest["computed_in"] == {
        "day": ended[1], "week": first.id, "quarter": first.id, "month": ended[2], "year": ended[2]
    }  # fmt: skip
    with served.connect() as connection:
        told = connection.execute(
            "select distinct release_id, kpi, cadence, part from ("
            "    select *, unnest(string_split(cause_parts, ', ')) as part from kpi_ledger where release_id > $1"
            ") where kpi in ('new_opportunities', 'cac') and cadence in ('day', 'month')"
            " and part in ('delete', 'cost_file', 'unexplained')",
            [first.id],
        ).fetchall()
    assert set(told) == {
        (ended[1], "new_opportunities", "day", "delete"),
        (ended[2], "new_opportunities", "month", "delete"),
        (ended[2], "cac", "month", "cost_file"),
    }


@pytest.mark.slow
def test_releases_that_explain_a_cadence_are_kept(home_copy: Home) -> None:
    with home_copy.active() as now:
        first = release.current(now)
        assert first is not None
        release.publish(now, GATES, keep=1)
        with duckdb.connect(str(now.warehouse_path)) as warehouse:
            warehouse.execute("update marts.kpi_values_day set value = value + 1, period_fingerprint = 'other'")
        second = release.publish(now, GATES, keep=1)
        assert second.is_new
        assert [one.id for one in release.list_releases(now)] == [second.id, first.id]


def test_a_kpi_that_was_renamed_is_explained_by_what_it_said(tmp_path: Path) -> None:
    places = Places(tmp_path)
    warehouse.build(places.warehouse_path)
    release.publish(places, GATES)
    with duckdb.connect(str(places.warehouse_path)) as db:
        for mart in ("kpi_values", "kpi_catalogue", "kpi_scorecard"):
            db.execute(f"update marts.{mart} set kpi = 'mrr2' where kpi = 'mrr'")
    renamed = release.publish(places, GATES)

    told = explain.explain(places, renamed, "mrr", parse("2026-03"))
    assert [(one.cause, one.old.value is None, one.new.value is None) for one in told.history] == [
        ("first_report", True, False),
        ("definition_change", False, True),
    ]
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(explanation.render(told))
    said = console.export_text()
    assert "mrr\nThis KPI is defined no more" in said
    assert f"{told.history[0].new.value:,.10g}" in said
    with pytest.raises(explain.ExplainError, match=r"mrr is defined no more.*per month, 2024-11-01 to 2026-11-01"):
        explain.explain(places, renamed, "mrr", parse("2016-03"))
    with pytest.raises(explain.ExplainError, match="there is no KPI 'mrr3'; there are cac, "):
        explain.explain(places, renamed, "mrr3", parse("2026-03"))


def test_periods_are_read_as_people_write_them() -> None:
    assert parse("2026-03-09") == Period("day", dt.date(2026, 3, 9))
    assert parse("2026-w53") == Period("week", dt.date(2026, 12, 28))
    assert parse("2026-03") == Period("month", dt.date(2026, 3, 1))
    assert parse("2026-Q4") == Period("quarter", dt.date(2026, 10, 1))
    assert parse("2026") == Period("year", dt.date(2026, 1, 1))
    for wrong in ("2025-W53", "2026-13", "2026-Q5", "march", "2026-02-30"):
        with pytest.raises(PeriodError, match="is no period"):
            parse(wrong)
