"""A small imaginary company served over real HTTP, one lake pulled without faults to compare with, and fresh lakes."""

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ingestion import lake
from ingestion.registry import SOURCES, tables
from ingestion.settings import Settings, reload
from sandbox.server import Running, running
from sandbox.world import World
from tests.ingestion.lake_reader import latest

START, END = dt.date(2026, 6, 1), dt.date(2026, 9, 1)
HASH_KEY = "a key of the tests"
API_SOURCES = tuple(name for name, source in SOURCES.items() if source.is_api)


@pytest.fixture(scope="session")
def world() -> World:
    return World(seed=7, start=START, scale=0.15)


@pytest.fixture(scope="session")
def company(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the session; whoever plans faults clears them, whoever moves its clock moves it back."""
    with running(world, END, home=tmp_path_factory.mktemp("company")) as served:
        yield served


def environment(company: Running, home: Path) -> dict[str, str]:
    """The environment of a fresh home that reads this company, with waits a test can afford."""
    waits = {f"SOURCES__{name.upper()}__BACKOFF_SECONDS": "0.01" for name in API_SOURCES}
    own = {
        "KPILOTE_HOME": str(home),
        "KPILOTE_HASH_KEY": HASH_KEY,
        "KPILOTE_START_DATE": START.isoformat(),
        "KPILOTE_SOURCES": ",".join(SOURCES),
    }
    return {**company.env, **waits, **own}


@pytest.fixture
def fresh(company: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of an empty home; the company's faults are cleared afterwards."""
    for name, value in environment(company, tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KPILOTE_LAKE_URL", raising=False)
    yield reload()
    company.faults.plan.clear()
    reload()


@pytest.fixture
def own(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A company of one's own and a fresh home that reads it: `own(limits=…, credentials=…) → (company, settings)`."""
    opened = []

    def start(until: dt.date = END, **arguments: Any) -> tuple[Running, Settings]:
        context = running(world, until, home=tmp_path / "company", **arguments)
        company = context.__enter__()
        opened.append(context)
        for name, value in environment(company, tmp_path / "home").items():
            monkeypatch.setenv(name, value)
        return company, reload()

    yield start
    for context in opened:
        context.__exit__(None, None, None)
    reload()


@pytest.fixture
def later(company: Running) -> Iterator[Running]:
    """The company, to be changed and moved; as it was afterwards."""
    yield company
    company.sandbox.changes = ()
    company.advance(END)


@pytest.fixture(scope="session")
def pulled(company: Running, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A lake into which every source was pulled once, undisturbed. Read it, do not pull into it."""
    with mock.patch.dict(os.environ, environment(company, tmp_path_factory.mktemp("pulled"))):
        settings = reload()
        for name in SOURCES:
            lake.pull(name, START, END, settings=settings)
    return settings


@pytest.fixture(scope="session")
def truth(pulled: Settings) -> dict[str, list[tuple[object, ...]]]:
    """What staging sees of every table after an undisturbed pull."""
    return {table.full_name: latest(pulled, table) for table in tables()}
