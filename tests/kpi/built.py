"""A small company's warehouse, built the way a demo builds it: sandbox over HTTP → lake → dbt build.

Six months over New Year, so that ISO years, quarters and the year change inside the data. The days are fixed: the
numbers are the same on every machine and every day.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ingestion import lake
from ingestion.settings import DEFAULT_SOURCES, Settings
from orchestration import dbt
from orchestration.environment import variables
from sandbox.changes import Change, changed
from sandbox.server import Running, running
from sandbox.world import Snapshot, World
from tests.verify.warehouse import Warehouse

SEED, SCALE = 7, 0.2
START, UNTIL = date(2025, 11, 1), date(2026, 5, 4)
WORLD = World(seed=SEED, start=START, scale=SCALE)
HASH_KEY = "0" * 32


@dataclass(frozen=True)
class Built:
    """A built home and what the company of that day knows about itself."""

    home: Path
    settings: Settings
    snapshot: Snapshot

    @property
    def semantic_manifest(self) -> str:
        return (self.settings.dbt_target_dir / "semantic_manifest.json").read_text()

    def warehouse(self, semantic_manifest: str | None = None) -> Warehouse:
        return Warehouse(self.settings.warehouse_path, semantic_manifest or self.semantic_manifest)


def run(settings: Settings, *arguments: str) -> None:
    """A dbt command on a home; a failure shows what it said."""
    said = dbt.invoke(settings, [*arguments, "--log-level", "none"])
    assert said == [], said


def settings_of(home: Path, sources: Sequence[str], start: date = START) -> Settings:
    return Settings(home=home, start_date=start, sources=tuple(sources), hash_key=HASH_KEY, _env_file=None)


def pull(settings: Settings, served: Running, since: date, until: date, **told: str) -> None:
    """Pull the sources over HTTP; `told`: variables that say something else than the company would."""
    # Salesforce's forms know a browser by Matomo's name of it and by GA4's.
    visitor = {"SOURCES__SALESFORCE__CLIENT_ID_FIELD": "GA_Client_Id__c"} if "ga4" in settings.sources else {}
    with variables({**settings.environment(), **served.env, **visitor, **told}):
        for source in settings.sources:
            lake.pull(source, since, until, settings=settings)


def transform(settings: Settings, *arguments: str) -> None:
    """Build the warehouse; the project's own tests have a run of their own."""
    run(settings, "seed")
    run(settings, "run", *arguments)


def build(
    home: Path,
    sources: Sequence[str] = DEFAULT_SOURCES,
    changes: Sequence[Change] = (),
    world: World = WORLD,
    until: date = UNTIL,
) -> Built:
    """Pull the company's sources and build the warehouse."""
    settings = settings_of(home, sources, world.start)
    with running(world, until=until, home=home, sources=",".join(sources), changes=changes) as served:
        pull(settings, served, world.start, until)
    told = home / "sandbox" / "world.json"
    told.write_text(json.dumps({"seed": SEED, "scale": world.scale, "start": world.start.isoformat()}))
    transform(settings)
    return at(home, sources, changes, world, until)


def at(
    home: Path,
    sources: Sequence[str] = DEFAULT_SOURCES,
    changes: Sequence[Change] = (),
    world: World = WORLD,
    until: date = UNTIL,
) -> Built:
    """The company that stands built at this place."""
    return Built(home, settings_of(home, sources, world.start), changed(world.snapshot(until), changes))
