"""A lake in an S3 bucket, over real HTTP: pulled, judged, compacted, erased from and modelled like one on a disk."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from expectations import gate
from ingestion import compaction, erasure, identity, lake, suppression
from ingestion.errors import KpiloteError
from ingestion.filesystems import located
from ingestion.registry import tables
from ingestion.settings import Settings, reload
from orchestration import dbt
from orchestration.doctor import _lake as try_lake
from sandbox.world import World
from tests import traces
from tests.bucket import URL
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import latest
from tests.ingestion.test_erasure import HASHER, address_of

PULLED = ("hubspot", "spreadsheets")
JUDGED = ("spreadsheets.ad_spend",)


@pytest.fixture
def bucket(fresh: Settings, store: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty home whose lake lies in the bucket."""
    for name, value in {**store, "KPILOTE_LAKE_URL": f"{URL}/{tmp_path.name}"}.items():
        monkeypatch.setenv(name, value)
    return reload()


def downloaded(bucket: Settings, folder: Path) -> Settings:
    """The same lake on a local disk, as it is now."""
    filesystem, root = located(bucket.lake_url)
    filesystem.get(root, str(folder), recursive=True)
    return bucket.model_copy(update={"home": folder, "lake_url": str(folder)})


def judged(settings: Settings) -> dict[str, bool]:
    result = gate.run("raw", settings=settings, tables=JUDGED)
    return {f"{table.table}.{each.name}": each.success for table in result.tables for each in table.expectations}


@pytest.mark.slow
def test_a_lake_in_a_bucket_is_a_lake(
    bucket: Settings, pulled: Settings, truth: dict[str, list[tuple[object, ...]]], tmp_path: Path
) -> None:
    lake.prepare(bucket)
    for name in PULLED:
        lake.pull(name, START, END, settings=bucket)
    # With another home: a gate writes its documentation there, and everybody reads the one of `pulled`.
    assert judged(bucket) == judged(pulled.model_copy(update={"home": tmp_path / "elsewhere"}))

    lake.pull("hubspot", END - dt.timedelta(days=3), END, settings=bucket)
    assert compaction.compact(bucket, "hubspot", kept_loads=0, least_files=2)
    local = downloaded(bucket, tmp_path / "compacted")
    for table in (table for table in tables() if table.source in PULLED):
        assert latest(local, table) == truth[table.full_name]

    assert dbt.invoke(bucket, ["run", "--select", "+stg_hubspot__contacts", "--log-level", "none"]) == []
    with duckdb.connect() as connection:
        lake.let_read(connection, bucket)
        connection.execute(f"attach '{bucket.warehouse_path}' as warehouse (read_only)")
        counted = connection.execute("select count(*) from warehouse.staging.stg_hubspot__contacts").fetchall()
    assert counted == [(len(truth["hubspot.contacts"]),)]


@pytest.mark.slow
def test_a_person_can_be_erased_from_a_bucket(bucket: Settings, world: World, tmp_path: Path) -> None:
    lake.pull("hubspot", START, END, settings=bucket)
    person = identity.resolve(bucket, identity.from_address(address_of(world), HASHER))
    identifiers = traces.spellings(person)
    assert traces.holding(downloaded(bucket, tmp_path / "before").home, identifiers) != {}
    suppression.write(bucket, "e1", "2026-09-01", person.nodes)
    erasure.rewrite(bucket, erasure.surrogates(person.nodes), lambda _done, _of: None)
    lake.pull("hubspot", START, END, settings=bucket)
    assert traces.holding(downloaded(bucket, tmp_path / "after").home, identifiers) == {}


def test_a_misspelt_bucket_is_not_made(bucket: Settings) -> None:
    filesystem, _ = located(URL)
    before = filesystem.ls("")
    with pytest.raises(KpiloteError, match="KPILOTE_LAKE_URL"):
        try_lake(f"{URL}y/kpilote")
    assert filesystem.ls("") == before
    assert "can be written" in try_lake(bucket.lake_url)
