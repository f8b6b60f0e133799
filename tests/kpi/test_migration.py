"""A company that moves from HubSpot to Pipedrive on a day in the middle of a week, a month and a quarter reports the
numbers of one that stayed: before that day, around it and after.
"""

import shutil
from datetime import date, timedelta

import pytest

from ingestion.settings import DEFAULT_SOURCES
from sandbox.changes import Change
from sandbox.move import Move
from sandbox.server import running
from tests.kpi.built import START, UNTIL, WORLD, Built, build, pull, settings_of, transform
from tests.kpi.cells import CELLS, UNEQUAL, differing, side_by_side, unexplained, unneeded

pytestmark = pytest.mark.slow

DAY = date(2026, 4, 9)
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
        (12, 300, ("contact_archived", "companies_merged", "company_size")),
    )
    for place, kind in enumerate(kinds)
)


@pytest.fixture(scope="module")
def stayed(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company on HubSpot all the time."""
    return build(tmp_path_factory.mktemp("stayed"), changes=CHANGES)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The company that moved: built with HubSpot alone on the day of the move, and with both CRMs later on."""
    home = tmp_path_factory.mktemp("moved")
    before, after = settings_of(home, DEFAULT_SOURCES), settings_of(home, BOTH)
    move = Move(DAY, "hubspot", "pipedrive")
    with running(WORLD, DAY, home=home, sources=",".join(DEFAULT_SOURCES), changes=CHANGES, moved=move) as company:
        pull(before, company, START, DAY)
        transform(before)
        for since, until in ((DAY, FIRST_PULL), (FIRST_PULL, UNTIL)):
            company.advance(until)
            pull(after, company, since - AGAIN, until)
    transform(after, *CRM_UNTIL)
    return Built(home, after, WORLD.snapshot(UNTIL))
