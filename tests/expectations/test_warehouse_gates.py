"""Gates unified and marts on a tiny warehouse: clean data passes, and every single expectation can fail."""

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import duckdb
import pytest

from expectations import gate
from expectations.acceptance import accept
from expectations.model import Expectation, GateName, Suite
from expectations.results import ExpectationResult, GateResult, TableResult
from tests.expectations import warehouse
from tests.expectations.judging import without_pages
from tests.expectations.lake import settings_in
from tests.expectations.spoils import breaks_alone, spoil_of

GATES: tuple[GateName, ...] = ("unified", "marts")
SETTINGS = settings_in(Path("nowhere"))
EVERY = [
    (name, suite.table, expectation.name)
    for name in GATES
    for suite in gate.suites(name, settings=SETTINGS)
    for expectation in suite.expectations
]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("clean")
    warehouse.build(settings_in(home).warehouse_path)
    warehouse.publish(home)
    return home


@pytest.fixture(scope="module")
def spoiled(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str, str], ExpectationResult]:
    """Each expectation's result on a warehouse spoiled for it."""
    found = {}
    with without_pages():
        for name in GATES:
            for chosen in _rounds(gate.suites(name, settings=settings_in(clean))):
                settings = settings_in(tmp_path_factory.mktemp("spoiled"))
                shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
                statements = [spoil_of(suite, each) for suite in chosen for each in suite.expectations]
                warehouse.spoil(settings.warehouse_path, *statements)
                result = gate.judge(name, chosen, settings)
                found |= {
                    (name, table.table, each.name): each for table in result.tables for each in table.expectations
                }
    return found


def _rounds(suites: tuple[Suite, ...]) -> Iterator[list[Suite]]:
    """All that can be broken together at once, then of what is left one expectation per table at a time."""
    together = (replace(suite, expectations=_those(suite, alone=False)) for suite in suites)
    yield [suite for suite in together if suite.expectations]
    # What the lake covers decides what others find, so it is broken when nothing else is.
    for group in ({"int_lake__coverage"}, {suite.table for suite in suites} - {"int_lake__coverage"}):
        alone = [
            [replace(suite, expectations=(each,)) for each in _those(suite, alone=True)]
            for suite in suites
            if suite.table in group
        ]
        for row in zip_longest(*alone):
            yield [suite for suite in row if suite is not None]


def _those(suite: Suite, *, alone: bool) -> tuple[Expectation, ...]:
    return tuple(each for each in suite.expectations if breaks_alone(each) is alone)


@pytest.mark.parametrize("name", GATES)
def test_clean_warehouse_passes(clean: Path, name: GateName) -> None:
    result = gate.run(name, settings=settings_in(clean))
    assert [each.message for table in result.tables for each in table.failures] == []
    assert result.passed
    assert {table.table for table in result.tables} == set(gate.tables(name, settings=SETTINGS))


@pytest.mark.parametrize(("name", "table", "expectation"), EVERY, ids=[".".join(each) for each in EVERY])
def test_every_expectation_can_fail(
    spoiled: dict[tuple[str, str, str], ExpectationResult], name: str, table: str, expectation: str
) -> None:
    result = spoiled[name, table, expectation]
    assert not result.success
    assert result.unexpected_count != 0, "it failed for another reason than the rows it is about"
    assert result.unexpected_sample or result.name in ("one_row", "not_empty")
    assert f"gate {name}, {table}" in result.message
    assert expectation in result.message


def test_a_missing_table_blocks(clean: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
    warehouse.spoil(settings.warehouse_path, "drop table marts.fct_deals")
    result = gate.run("marts", settings=settings, tables=["fct_deals", "dim_owners"])
    assert [(table.table, table.blocked) for table in result.tables] == [("dim_owners", False), ("fct_deals", True)]
    assert "fct_deals: readable (critical) failed" in result.message()


def test_a_missing_column_blocks_and_says_so(clean: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
    warehouse.spoil(settings.warehouse_path, "alter table marts.fct_deals drop column amount_reporting")
    (table,) = gate.run("marts", settings=settings, tables=["fct_deals"]).tables
    (failure,) = table.failures
    assert failure.name == "amount_reporting_not_negative"
    assert "amount_reporting" in str(failure.observed)


def test_no_warehouse_blocks_every_table(tmp_path: Path) -> None:
    result = gate.run("unified", settings=settings_in(tmp_path))
    assert all(table.blocked for table in result.tables)
    assert "run `kpilote refresh`" in result.message()


def test_the_warehouse_is_let_go(clean: Path) -> None:
    """One writer: the pipeline must be able to write as soon as a gate is done, in the same process."""
    settings = settings_in(clean)
    gate.run("unified", settings=settings, tables=["int_owners__unified"])
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("create table marts.scratch as select 1 as one; drop table marts.scratch")


def test_no_published_day_is_taken_back_unless_a_person_says_so(clean: Path, tmp_path: Path) -> None:
    """A source that was added is pulled in parts; days readers have would go. Without a release there are none."""
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)

    def pulled_to(source: str, end: str) -> TableResult:
        warehouse.spoil(settings.warehouse_path, f"update staging.stg_{source}__windows set window_end = '{end}'")
        (coverage,) = gate.run("unified", settings=settings, tables=["int_lake__coverage"]).tables
        return coverage

    assert pulled_to("klaviyo", "2026-01-20").passed, "nothing is published yet"
    warehouse.publish(settings.home)
    (failure,) = pulled_to("matomo", "2026-03-01").failures
    assert (failure.severity, [each.size for each in failure.findings]) == ("critical", [41, 1])
    assert (
        "klaviyo on 2026-03-01: is published, and klaviyo was pulled to 2026-01-19 only (kpilote refresh"
        " --cadence daily --from 2026-01-20 --to 2026-03-01), usual no published day is taken back; matomo on"
    ) in failure.message
    for each in failure.findings:
        accept(settings, each.id, reason="two tools that start anew")
    assert not pulled_to("klaviyo", "2026-02-01").blocked, "the next part reaches further"
    frozen = settings.model_copy(update={"frozen_sources": ("klaviyo", "matomo")})
    assert gate.run("unified", settings=frozen, tables=["int_lake__coverage"]).tables[0].passed


def test_a_warning_shows_and_does_not_stop(clean: Path, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
    warehouse.spoil(
        settings.warehouse_path, "update intermediate.int_spend__unified set channel = 'billboards' where rowid < 3"
    )
    result: GateResult = gate.run("unified", settings=settings, tables=["int_spend__unified"])
    assert result.passed
    assert not result.tables[0].passed
    assert "gate unified passed with 1 warnings" in result.message()
    assert result.tables[0].failures[0].unexpected_sample == ({"channel": "billboards", "rows": 3},)


def test_weekends_and_quiet_days_are_no_drop(clean: Path, tmp_path: Path) -> None:
    """A Sunday with few rows is fine when Sundays have few rows; an unusual one is not."""
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
    few = (
        "delete from intermediate.int_sessions__unified where isodow(session_date) = 7 and session_key not like '%.1_'"
    )
    warehouse.spoil(settings.warehouse_path, few)
    (table,) = gate.run("unified", settings=settings, tables=["int_sessions__unified"]).tables
    assert "volume_of_newest_day" not in {each.name for each in table.failures}
    assert dt.date(2026, 3, 1).isoweekday() == 7


def test_nobody_known_is_no_broken_link(clean: Path, tmp_path: Path) -> None:
    """Without a CRM there are no persons, and sessions of nobody name none."""
    settings = settings_in(tmp_path)
    shutil.copy(clean / "warehouse.duckdb", settings.warehouse_path)
    warehouse.spoil(
        settings.warehouse_path,
        "delete from intermediate.int_persons__unified",
        "update intermediate.int_sessions__unified set person_id = null",
    )
    result = gate.run("unified", settings=settings, tables=["int_sessions__unified"])
    found = {each.name: each.success for each in result.tables[0].expectations}
    assert found["person_id_exists"]
