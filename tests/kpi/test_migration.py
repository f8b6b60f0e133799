"""A company that moves from HubSpot to Pipedrive on a day in the middle of a week, a month and a quarter reports the
numbers of one that stayed: before that day, around it and after.
"""

import shutil
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion import lake
from ingestion.settings import DEFAULT_SOURCES, Settings
from orchestration.environment import variables
from sandbox.changes import Change, changed
from sandbox.move import Move
from sandbox.server import Running, running
from tests.kpi.built import START, UNTIL, WORLD, Built, build, pull, settings_of, transform
from tests.kpi.cells import CELLS, UNEQUAL, differing, side_by_side, unexplained, unneeded

pytestmark = pytest.mark.slow

DAY = date(2026, 4, 9)
MOVE = Move(DAY, "hubspot", "pipedrive")
FIRST_PULL = DAY + timedelta(days=3)
AGAIN = timedelta(days=7)  # days that a pull covers once more: visits come late
BOTH = ("pipedrive", *DEFAULT_SOURCES)
CRM_UNTIL = ("--vars", f"{{crm_until: {{hubspot: '{DAY}'}}}}")
# What people do to records of before the move, before it and after (`which`: counted from the newest).
CHANGES = tuple(
    Change(kind, DAY + timedelta(days=days), which + 3 * place)
    for days, which, kinds in (
        (-20, 3, ("deal_reopened", "deal_archived", "companies_merged", "contact_archived")),
        (6, 10, ("deal_amount", "deal_owner", "deal_lost", "deal_skips_stages", "deal_won")),
        (9, 30, ("deal_reopened", "deal_archived")),
        (12, 300, ("contact_archived", "company_size")),
    )
    for place, kind in enumerate(kinds)
)


@pytest.fixture(scope="module")
def stayed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company on HubSpot all the time."""
    return build(tmp_path_factory.mktemp("stayed"), changes=CHANGES)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company that moved: built with HubSpot alone on the day of the move, with both CRMs weeks later."""
    home = tmp_path_factory.mktemp("moved")
    before, after = settings_of(home, DEFAULT_SOURCES), settings_of(home, BOTH)
    with _served(home, DAY) as company:
        pull(before, company, START, DAY)
        transform(before)
        for since, until in ((DAY, FIRST_PULL), (FIRST_PULL, UNTIL)):
            company.advance(until)
            pull(after, company, since - AGAIN, until)
    transform(after, *CRM_UNTIL)
    return Built(home, after, changed(WORLD.snapshot(UNTIL), CHANGES))


def _served(home: Path, until: date) -> AbstractContextManager[Running]:
    return running(WORLD, until, home=home, sources=",".join(DEFAULT_SOURCES), changes=CHANGES, moved=MOVE)


@pytest.mark.parametrize("table", CELLS)
def test_every_cell_is_as_if_the_company_had_stayed(stayed: Built, moved: Built, table: str) -> None:
    reasons = [each for each in UNEQUAL["moved"] if each["table"] == table]
    with side_by_side(stayed, moved) as homes:
        found = differing(homes, table)
        assert unexplained(found, reasons) == []
        assert unneeded(found, reasons) == []


def test_built_from_scratch_it_says_the_same(moved: Built, tmp_path: Path) -> None:
    """The warehouse of before the move was carried on; one built of the whole lake at once has the same cells."""
    scratch = replace(moved, settings=moved.settings.model_copy(update={"home": tmp_path}))
    transform(scratch.settings, *CRM_UNTIL)
    with side_by_side(moved, scratch) as homes:
        assert {table: unexplained(differing(homes, table), []) for table in CELLS} == {table: [] for table in CELLS}


def test_without_the_imported_id_every_deal_of_before_counts_twice(moved: Built, tmp_path: Path) -> None:
    """Pipedrive pulled with the setting left out: nothing says which deals are copies."""
    settings = settings_of(tmp_path, BOTH)
    shutil.copytree(moved.settings.lake_url, settings.lake_url, ignore=shutil.ignore_patterns("pipedrive"))
    with _served(tmp_path, UNTIL) as company:
        forgotten = {"SOURCES__PIPEDRIVE__IMPORTED_ID_FIELD": ""}
        with variables({**settings.environment(), **company.env, **forgotten}):
            lake.pull("pipedrive", START, UNTIL, settings=settings)
    transform(settings, *CRM_UNTIL, "--select", "+int_deals__unified")
    deals = moved.snapshot.deals
    deals = deals[(deals["created_at"] < MOVE.began) & ~(deals["archived_at"] < MOVE.began)]
    standing = int(deals["archived_at"].isna().sum())
    assert _deals_of_before(moved.settings) == standing > 0
    # One that was deleted in Pipedrive stands in HubSpot for ever.
    assert _deals_of_before(settings) == len(deals) + standing


def _deals_of_before(settings: Settings) -> int:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        counted = "select count(*) from intermediate.int_deals__unified where created_date < ?"
        found = connection.execute(counted, [DAY]).fetchone()
    return int(found[0]) if found else 0
