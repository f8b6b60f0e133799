"""Every kind of change shows through every vendor that could know of it: a pull finds something else afterwards."""

import datetime as dt
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

from ingestion.registry import SOURCES
from orchestration.environment import variables
from sandbox.changes import KINDS, Change
from sandbox.server import running
from sandbox.world import World
from tests.fuzz.feeding import END, START, told

LAST_DAY = END - dt.timedelta(days=1)
# What must have happened before.
AFTER = {"deal_restored": "deal_archived", "contact_restored": "contact_archived"}


def before(kind: str) -> tuple[Change, ...]:
    return (Change(AFTER[kind], LAST_DAY - dt.timedelta(days=1)),) if kind in AFTER else ()


def told_by(kind: str) -> tuple[str, ...]:
    """The sources that could know of it."""
    known_to = "files" if kind.endswith("_corrected") else "analytics" if kind == "late_session" else "crm"
    return tuple(name for name, source in SOURCES.items() if source.kind == known_to)


@pytest.fixture(scope="module")
def says(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, tuple[Change, ...]], Any]]:
    """What a source of the company says after these changes."""
    with running(World(seed=7, start=START, scale=0.05), END, home=tmp_path_factory.mktemp("company")) as company:

        @cache
        def ask(source: str, changes: tuple[Change, ...]) -> Any:
            company.sandbox.changes = changes
            company.sandbox.refresh()
            with variables(company.env):
                return told(source)

        yield ask


@pytest.mark.parametrize(("kind", "source"), [(kind, source) for kind in KINDS for source in told_by(kind)])
def test_a_change_shows(kind: str, source: str, says: Callable[[str, tuple[Change, ...]], Any]) -> None:
    assert says(source, before(kind)) != says(source, (*before(kind), Change(kind, LAST_DAY)))
