"""The marts of an earlier moment: what was loaded since does not exist in them, and the home's own warehouse stays."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import duckdb
import pytest

from ingestion import lake
from orchestration import as_of
from tests.conftest import Home, serving
from tests.orchestration.marts import contents


def _silent(_done: int, _total: int, _name: str) -> None:
    """Nobody watches."""


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_marts_as_of_a_moment_are_those_built_then(home_copy: Home) -> None:
    then = dt.datetime.now(dt.UTC)
    before, warehouse = contents(home_copy.path), _digest(home_copy.path / "warehouse.duckdb")
    tomorrow = home_copy.older(1)
    with serving(tomorrow) as served, served.active() as now:
        for source in now.sources:
            pulled = lake.pull(source, tomorrow.last_day, tomorrow.until, settings=now)
            assert pulled.load_ids or source == "spreadsheets", f"{source} had nothing new"
        rebuilt = as_of.rebuild(now, then, _silent)
    assert rebuilt.data_through == home_copy.last_day
    assert contents(rebuilt.warehouse.parent) == before
    assert _digest(home_copy.path / "warehouse.duckdb") == warehouse
    with duckdb.connect(str(rebuilt.warehouse), read_only=True) as connection:
        newest = connection.execute("select max(pulled_at) from staging.stg_ga4__windows").fetchone()
    assert newest is not None
    assert newest[0] < then.replace(tzinfo=None)


def test_before_the_first_load_there_is_nothing_to_build(built_home: Home) -> None:
    with built_home.active() as now:
        moment = as_of.instant(dt.datetime(2025, 1, 1), now)
        # One that is on since and was not pulled yet is no reason to say that nothing was.
        for asked in (now, now.model_copy(update={"sources": (*now.sources, "klaviyo")})):
            with pytest.raises(as_of.AsOfError, match="the lake knew nothing at 2025-01-01 00:00: its first load was"):
                as_of.rebuild(asked, moment, _silent)
    assert not (built_home.path / "as_of").exists()


def test_a_lake_without_a_load_says_so(built_home: Home, tmp_path: Path) -> None:
    with built_home.active() as now:
        empty = now.model_copy(update={"lake_url": str(tmp_path)})
        with pytest.raises(as_of.AsOfError, match="holds no load yet: run `kpilote refresh"):
            as_of.rebuild(empty, dt.datetime.now(dt.UTC), _silent)


def test_a_moment_without_a_zone_is_reporting_time(built_home: Home) -> None:
    with built_home.active() as now:
        assert as_of.instant(dt.datetime(2025, 7, 1, 8), now).astimezone(dt.UTC).hour == 6
        zoned = dt.datetime(2025, 7, 1, 8, tzinfo=dt.UTC)
        assert as_of.instant(zoned, now) == zoned
        with pytest.raises(as_of.AsOfError, match="2999-01-01 00:00 CET is still to come"):
            as_of.instant(dt.datetime(2999, 1, 1), now)
