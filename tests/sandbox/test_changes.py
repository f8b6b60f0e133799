"""Every kind of change, and wrong data, show through every vendor that could know: a pull finds another thing."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from ingestion.registry import SOURCES
from orchestration.environment import variables
from sandbox.changes import KINDS, Change
from sandbox.corrupt import TARGETS, Corruption, Kind
from sandbox.server import running
from sandbox.world import World
from tests.fuzz.feeding import END, START, told

LAST_DAY = END - dt.timedelta(days=1)
# Wrong data of the first stack's vendors are served in `test_faults`.
OTHER_APIS = ("salesforce", "pipedrive", "matomo", "brevo", "klaviyo")
# What must have happened before.
AFTER = {"deal_restored": "deal_archived", "contact_restored": "contact_archived"}


def before(kind: str) -> tuple[Change, ...]:
    return (Change(AFTER[kind], LAST_DAY - dt.timedelta(days=1)),) if kind in AFTER else ()


def told_by(kind: str) -> tuple[str, ...]:
    """The sources that could know of it."""
    known_to = "files" if kind.endswith("_corrected") else "analytics" if kind == "late_session" else "crm"
    return tuple(name for name, source in SOURCES.items() if source.kind == known_to)


Says = Callable[[str, tuple[Change, ...], tuple[Corruption, ...]], Any]


@pytest.fixture(scope="module")
def says(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Says]:
    """What a source of the company says after these changes, with these things wrong."""
    with running(World(seed=7, start=START, scale=0.05), END, home=tmp_path_factory.mktemp("company")) as company:

        @cache
        def ask(source: str, changes: tuple[Change, ...], corrupt: tuple[Corruption, ...]) -> Any:
            company.sandbox.changes = changes
            company.faults.clear()
            company.faults.spoil(*corrupt)
            company.sandbox.refresh()
            with variables(company.env):
                return told(source)

        yield ask


@pytest.mark.parametrize(("kind", "source"), [(kind, source) for kind in KINDS for source in told_by(kind)])
def test_a_change_shows(kind: str, source: str, says: Says) -> None:
    assert says(source, before(kind), ()) != says(source, (*before(kind), Change(kind, LAST_DAY)), ())


@pytest.mark.parametrize("table", [name for name in TARGETS if name.partition(".")[0] in OTHER_APIS])
def test_wrong_data_show(table: str, says: Says) -> None:
    source = table.partition(".")[0]
    kinds: list[Kind] = ["volume_drop", "null_key"]
    kinds += ["negative_amount", "unknown_currency"] if TARGETS[table].amount else []
    for kind in kinds:
        assert says(source, (), ()) != says(source, (), (Corruption(table, kind),)), kind
