"""A company that moves from one CRM to another after a year, on a day in the middle of a week, a month and a quarter,
reports the numbers of one that stayed: before that day, around it and after, until that quarter is over.

From HubSpot to Pipedrive always; the other moves, and what needs another whole build, with HYPOTHESIS_PROFILE=nightly.
"""

import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from ingestion.settings import DEFAULT_SOURCES, Settings
from sandbox.changes import Change, changed
from sandbox.move import Move
from sandbox.server import Running, running
from sandbox.world import World
from sandbox.world.people import DUPLICATE
from sandbox.world.text import COMPANY_TWIN_BASE
from tests.conftest import IS_NIGHTLY
from tests.kpi import identity
from tests.kpi.built import Built, at, build, pull, settings_of, transform
from tests.kpi.cells import CELLS, UNEQUAL, differing, side_by_side, unexplained, unneeded
from tests.kpi.whose import truth

pytestmark = pytest.mark.slow

START, DAY, UNTIL = date(2025, 4, 1), date(2026, 4, 9), date(2026, 7, 6)
WORLD = World(seed=7, start=START, scale=0.1)
FIRST_PULL = DAY + timedelta(days=3)
AGAIN = timedelta(days=7)  # days that a pull covers once more: visits come late
OTHERS = DEFAULT_SOURCES[1:]
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
# The setting of each CRM that says which deals are copies, and what leaves it out.
FORGOTTEN = {
    "hubspot": {"SOURCES__HUBSPOT__IMPORTED_ID_PROPERTY": "none"},
    "salesforce": {"SOURCES__SALESFORCE__IMPORTED_ID_FIELD": ""},
    "pipedrive": {"SOURCES__PIPEDRIVE__IMPORTED_ID_FIELD": ""},
}


@dataclass(frozen=True)
class Moved:
    """A move, and whether var crm_until tells of it. `name`: its differences in unequal_cells.yml."""

    name: str
    before: str
    after: str
    is_told: bool = True

    @property
    def move(self) -> Move:
        return Move(DAY, self.before, self.after)

    @property
    def both(self) -> tuple[str, ...]:
        return (self.after, self.before, *OTHERS)

    @property
    def told(self) -> tuple[str, ...]:
        return ("--vars", f"{{crm_until: {{{self.before}: '{DAY}'}}}}") if self.is_told else ()

    def served(self, home: Path, until: date) -> AbstractContextManager[Running]:
        sources = ",".join((self.before, *OTHERS))
        return running(WORLD, until, home=home, sources=sources, changes=CHANGES, moved=self.move)


MOVES = [
    Moved("hubspot_to_pipedrive", "hubspot", "pipedrive"),
    Moved("hubspot_to_salesforce", "hubspot", "salesforce"),
    Moved("pipedrive_to_hubspot", "pipedrive", "hubspot"),
    Moved("hubspot_to_pipedrive_untold", "hubspot", "pipedrive", is_told=False),
]
TRIED = MOVES if IS_NIGHTLY else MOVES[:1]
nightly = pytest.mark.skipif(not IS_NIGHTLY, reason="nightly: another whole build")


@pytest.fixture(scope="module", params=TRIED, ids=lambda moved: moved.name)
def case(request: pytest.FixtureRequest) -> Moved:
    moved: Moved = request.param
    return moved


@pytest.fixture(scope="module")
def stayed(case: Moved, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company in its first CRM all the time."""
    return build(tmp_path_factory.mktemp("stayed"), (case.before, *OTHERS), CHANGES, WORLD, UNTIL)


@pytest.fixture(scope="module")
def moved(case: Moved, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company that moved: built with one CRM alone on the day of the move, with both weeks later."""
    home = tmp_path_factory.mktemp("moved")
    before, after = (settings_of(home, sources, START) for sources in ((case.before, *OTHERS), case.both))
    with case.served(home, DAY) as company:
        pull(before, company, START, DAY)
        transform(before)
        for since, until in ((DAY, FIRST_PULL), (FIRST_PULL, UNTIL)):
            company.advance(until)
            pull(after, company, since - AGAIN, until)
    transform(after, *case.told)
    return at(home, case.both, CHANGES, WORLD, UNTIL)


@pytest.mark.parametrize("table", CELLS)
def test_every_cell_is_as_if_the_company_had_stayed(case: Moved, stayed: Built, moved: Built, table: str) -> None:
    reasons = [each for each in UNEQUAL[case.name] if each["table"] == table]
    with side_by_side(stayed, moved) as homes:
        found = differing(homes, table)
        assert unexplained(found, reasons) == []
        assert unneeded(found, reasons) == []


def test_whom_both_crms_know_is_one_and_nobody_else_is(case: Moved, moved: Built) -> None:
    """People by their address, companies by their domain; what stays apart was entered twice and merged by nobody."""
    if "salesforce" in case.both:
        pytest.skip("ids that Salesforce gives are not those of the company's own records")
    then = changed(WORLD.snapshot(DAY), CHANGES)
    with truth(moved, case.move.held(then, moved.snapshot)) as known:
        people, companies = identity.found(known, "contact"), identity.found(known, "company")
    for records, evidence in ((people, "same_address"), (companies, "same_domain")):
        joined = records[records["found"].notna()]
        assert (joined["found"] == joined["truth"]).all()
        assert (joined["evidence"] == evidence).sum() > 100
    apart = [set(records.loc[records["found"].isna(), "identifier"]) for records in (people, companies)]
    assert all(each.endswith(str(DUPLICATE)) for each in apart[0])
    assert all(int(each.partition(":")[2]) >= COMPANY_TWIN_BASE for each in apart[1])


@nightly
def test_built_from_scratch_it_says_the_same(case: Moved, moved: Built, tmp_path: Path) -> None:
    """The warehouse of before the move was carried on; one built of the whole lake at once has the same cells."""
    scratch = replace(moved, settings=moved.settings.model_copy(update={"home": tmp_path}))
    transform(scratch.settings, *case.told)
    with side_by_side(moved, scratch) as homes:
        assert {table: unexplained(differing(homes, table), []) for table in CELLS} == {table: [] for table in CELLS}


@nightly
def test_without_the_imported_id_every_deal_of_before_counts_twice(case: Moved, moved: Built, tmp_path: Path) -> None:
    """The new CRM pulled with the setting left out: nothing says which deals are copies."""
    settings = settings_of(tmp_path, case.both, START)
    shutil.copytree(moved.settings.lake_url, settings.lake_url, ignore=shutil.ignore_patterns(case.after))
    with case.served(tmp_path, UNTIL) as company:
        alone = settings_of(tmp_path, (case.after,), START)
        pull(alone, company, START, UNTIL, **FORGOTTEN[case.after])
    transform(settings, *case.told, "--select", "+int_deals__unified")
    deals = moved.snapshot.deals
    deals = deals[(deals["created_at"] < case.move.began) & ~(deals["archived_at"] < case.move.began)]
    standing = int(deals["archived_at"].isna().sum())
    # One that was deleted in the new CRM stands in the old one for ever: that this is history must be told.
    assert _deals_of_before(moved.settings) == (standing if case.is_told else len(deals)) > 0
    assert _deals_of_before(settings) == len(deals) + standing


def _deals_of_before(settings: Settings) -> int:
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        counted = "select count(*) from intermediate.int_deals__unified where created_date < ?"
        found = connection.execute(counted, [DAY]).fetchone()
    return int(found[0]) if found else 0
