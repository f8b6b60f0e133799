"""What tests of several rooms share: a small finished pipeline run, built once per session over real HTTP.

`built_home` is the home of a small company refreshed at every cadence. It is read-only by agreement: a test that
changes something asks for `home_copy`. `at_home` points this process's settings at a home.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser

from ingestion import settings as settings_module
from orchestration import dbt, runs, warehouse
from orchestration.environment import variables
from orchestration.lineage import Columns, Lineage, column_lineage
from sandbox.server import Running, running
from sandbox.world import World
from serving import files
from tests import bucket
from tests.browser import launched
from tests.stacks import STACKS

# A quarter and some days, so that every cadence has a complete period. Fixed dates: nothing depends on today.
START, UNTIL = dt.date(2025, 1, 1), dt.date(2025, 4, 8)
SCALE = 0.1
SEMANTIC_MANIFEST = "semantic_manifest.json"  # MetricFlow's, as dbt calls it
BUILD_SECONDS = 1_800  # as long as a worker waits for the one that builds the home
SEED = 7

# CI takes the same examples every time; the nightly profile looks for new ones, and for many more of what is slow. No
# example is failed by the clock: machines stand still at times.
TIMELESS = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.register_profile("default", TIMELESS, derandomize=True, max_examples=100)
hypothesis_settings.register_profile("nightly", TIMELESS, max_examples=2_000, print_blob=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
IS_NIGHTLY = PROFILE == "nightly"
hypothesis_settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no worker ends with hours of them while the other has nothing left. Among
    these one with the built home opens, whose worker builds it while the other lives on the files without; who asks for
    it later finds it there.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    waiting = {item.path for item in items if "built_home" in getattr(item, "fixturenames", ())}
    builds = next((item.path for item in items if item.path in slow & waiting), None)
    items.sort(key=lambda item: (item.path != builds, item.path not in slow, item.path in waiting))


@dataclass(frozen=True)
class Home:
    """A home and what it takes to work in it. `until` is the first day the company has not lived yet; `server` is its
    running sandbox, inside `serving`.
    """

    path: Path
    environment: dict[str, str]
    world: World
    start: dt.date = START
    until: dt.date = UNTIL
    server: Running | None = None

    @property
    def last_day(self) -> dt.date:
        return self.until - dt.timedelta(days=1)

    def older(self, days: int) -> Home:
        """The same home some days later."""
        return replace(self, until=self.until + dt.timedelta(days=days))

    @contextmanager
    def active(self, **more: str) -> Iterator[settings_module.Settings]:
        """The settings of this process are those of the home, for a while."""
        with variables({**self.environment, **more}):
            try:
                yield settings_module.reload()
            finally:
                settings_module.settings.cache_clear()


def home_environment(path: Path, sources: str = STACKS["hubspot"]) -> dict[str, str]:
    """The KPILOTE_* variables of a test home; the sources' variables come from the running sandbox."""
    return {
        "KPILOTE_HOME": str(path),
        "KPILOTE_LAKE_URL": "",
        "KPILOTE_SOURCES": sources,
        "KPILOTE_START_DATE": START.isoformat(),
        "KPILOTE_TIMEZONE": "Europe/Paris",
        "KPILOTE_CURRENCY": "EUR",
        "KPILOTE_TARGET": "duckdb",
        "KPILOTE_HASH_KEY": "test-key-that-hides-nobody",
        "KPILOTE_DAGSTER_POSTGRES_URL": "",
    }


@pytest.fixture(scope="module", autouse=True)
def _own_environment() -> Iterator[None]:
    """What the tests of a file leave in the environment ends with the file."""
    with mock.patch.dict(os.environ):
        yield


def _shared(factory: pytest.TempPathFactory) -> Path:
    """The folder of all workers."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A copy of the folder that `make` fills: the first worker to ask for it does so, for all of them."""
    shared = _shared(factory)
    made, whole = shared / f"once_{name}", shared / f"once_{name}.whole"
    with files.locked(shared / f"once_{name}.lock", wait_seconds=BUILD_SECONDS):
        if not whole.exists():
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            make(made)
            whole.touch()
    own = factory.mktemp(name) / "home"
    shutil.copytree(made, own, symlinks=True)
    return own


@pytest.fixture(scope="session", autouse=True)
def _parsed_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home that has no parse of the dbt project is given that of another home of these tests."""
    parse, parses = dbt._parse, _shared(tmp_path_factory) / "parses"
    parses.mkdir(exist_ok=True)
    projects: dict[str, object] = {}  # as this worker read them

    def parsed(settings: settings_module.Settings, path: Path) -> object:
        kept = parses / path.stem
        if not kept.exists():
            project = parse(settings, path)
            part = kept.with_suffix(f".{os.getpid()}")
            part.mkdir()
            for file in (path, path.with_suffix(".json"), settings.dbt_target_dir / SEMANTIC_MANIFEST):
                shutil.copy(file, part)
            with suppress(OSError):  # another worker was quicker
                part.rename(kept)
            return project
        shutil.copytree(kept, path.parent, dirs_exist_ok=True)
        (path.parent / SEMANTIC_MANIFEST).rename(settings.dbt_target_dir / SEMANTIC_MANIFEST)
        if path.stem not in projects:
            projects[path.stem] = dbt._read(path)
        return projects[path.stem]

    with mock.patch.object(dbt, "_parse", parsed):
        yield


@pytest.fixture(scope="session", autouse=True)
def _traced_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Homes of these tests share what they found of columns' lineage: it follows from the SQL, not from the home."""
    shared = _shared(tmp_path_factory) / "lineage"

    def traced(sql: str, columns: Sequence[str], tables: Columns, dialect: str, _cache: Path) -> Lineage:
        return column_lineage(sql, columns, tables, dialect, shared)

    with mock.patch.object(warehouse, "column_lineage", traced):
        yield


@pytest.fixture(scope="session")
def world() -> World:
    """The small company of the tests."""
    return World(seed=SEED, start=START, scale=SCALE)


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory, world: World) -> Home:
    """A home refreshed at every cadence up to `last_day`, published, its sandbox gone."""

    def build(path: Path) -> None:
        with serving(Home(path, home_environment(path), world)) as served:
            refresh(served)

    path = once(tmp_path_factory, "built", build)
    return Home(path, home_environment(path), world)


@pytest.fixture
def home_copy(built_home: Home, tmp_path: Path) -> Home:
    """A copy of the built home to change; its sandbox is not running (`serving` starts one)."""
    path = tmp_path / "home"
    shutil.copytree(built_home.path, path, symlinks=True)
    return Home(path, home_environment(path), built_home.world)


@pytest.fixture
def at_home(built_home: Home) -> Iterator[settings_module.Settings]:
    """The settings of this process are those of the built home."""
    with built_home.active() as now:
        yield now


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """An S3 server: the variables by which it is found. One per process, as file systems are kept by their options."""
    with bucket.served() as variables:
        yield variables


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser for the tests of a file."""
    with launched() as fresh:
        yield fresh


@contextmanager
def serving(home: Home, **arguments: object) -> Iterator[Home]:
    """The home with its company served on a free port; arguments (faults, corrupt, …) go to `running`."""
    sources = home.environment["KPILOTE_SOURCES"]
    with running(home.world, home.until, home=home.path, sources=sources, **arguments) as server:  # type: ignore[arg-type]
        yield replace(home, environment={**home.environment, **server.env}, server=server)


@dataclass(frozen=True)
class Attempt:
    """A run as it ended, and the steps that began, in order."""

    outcome: runs.Outcome
    steps: tuple[str, ...]


def attempt(home: Home, name: str, first: dt.date | None = None, last: dt.date | None = None) -> Attempt:
    """Run a cadence's job over a range of days (default: the home's whole history), whatever comes of it."""
    from orchestration.definitions import build_defs
    from orchestration.partitions import cadences

    with home.active() as now, runs.instance() as dagster:
        cadence = cadences(now)[name]
        keys = [
            key
            for key in cadence.keys(first or home.start, last or home.last_day)
            if cadence.partitions.time_window_for_partition_key(key).end.date() <= home.until
        ]
        begun: list[str] = []
        outcome = runs.execute(
            dagster,
            build_defs(),
            cadence,
            keys[0],
            keys[-1],
            lambda event: begun.append(event.step_key or "") if event.is_step_start else None,
        )
        return Attempt(outcome, tuple(begun))


def refresh(home: Home, *names: str, first: dt.date | None = None, last: dt.date | None = None) -> None:
    """Refresh cadences (default: all) over a range (default: all of it); fails the test with the run's own words."""
    for name in names or ("daily", "weekly", "monthly", "quarterly"):
        outcome = attempt(home, name, first, last).outcome
        assert outcome.success, outcome.failure
