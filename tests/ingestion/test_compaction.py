"""Compaction: the lake says the same afterwards, whatever moment it is killed at, and pulls go on."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fsspec.implementations.local import LocalFileSystem

from ingestion import compaction, lake
from ingestion.settings import Settings
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import latest

PULLED = ("hubspot", "ga4")


def said(settings: Settings, *names: str) -> dict[str, Any]:
    """What staging sees of every table of these sources, and every row of every file, whatever their order."""
    seen: dict[str, Any] = {}
    with duckdb.connect() as connection:
        for table in (table for name in names or PULLED for table in lake.lake_tables(name)):
            rows = "select columns(*)::varchar from read_parquet($1, union_by_name = true)"
            seen[f"files of {table.full_name}"] = connection.execute(
                f"select count(*), bit_xor(hash(rows)), sum(hash(rows)) from ({rows}) as rows",
                [lake.table_glob(settings, table)],
            ).fetchone()
            if not table.name.startswith("_"):
                seen[table.full_name] = latest(settings, table)
    return seen


@pytest.fixture
def loads(fresh: Settings) -> Settings:
    """A lake of four overlapping loads."""
    for number in range(4):
        for name in PULLED:
            lake.pull(name, END - dt.timedelta(days=10 + number) if number else START, END, settings=fresh)
    return fresh


def small_files(settings: Settings, name: str, table: str) -> int:
    return len(list(Path(lake.source_url(settings, name), table).glob("[0-9]*.parquet")))


def test_the_lake_says_the_same_in_fewer_files_and_pulls_go_on(loads: Settings) -> None:
    before = said(loads)
    assert small_files(loads, "ga4", "events") == 4
    done = [each for name in PULLED for each in compaction.compact(loads, name, kept_loads=1, least_files=2)]
    assert "ga4.events" in {each.table for each in done}
    assert small_files(loads, "ga4", "events") == 2
    assert said(loads) == before
    assert compaction.compact(loads, "ga4", kept_loads=1, least_files=2) == []
    lake.pull("ga4", END - dt.timedelta(days=1), END, settings=loads)
    assert small_files(loads, "ga4", "events") == 3
    compaction.compact(loads, "ga4", kept_loads=0, least_files=2)
    assert small_files(loads, "ga4", "events") == 1
    assert said(loads)["ga4.events"] == before["ga4.events"]


def test_killed_at_any_moment_nothing_is_lost_or_doubled(loads: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before, pristine = said(loads, "ga4"), Path(loads.lake_url).with_name("pristine")
    shutil.copytree(loads.lake_url, pristine)

    class Killed(BaseException):
        pass

    point = 0
    while True:
        point += 1
        shutil.rmtree(loads.lake_url)
        shutil.copytree(pristine, loads.lake_url)
        with monkeypatch.context() as patch:
            left = [point]

            def dying(original: Any) -> Any:
                def operation(*args: Any, **kwargs: Any) -> Any:
                    left[0] -= 1  # noqa: B023 - one list per point
                    if left[0] == 0:  # noqa: B023
                        raise Killed
                    return original(*args, **kwargs)

                return operation

            for name in ("mv", "rm_file", "pipe_file"):
                patch.setattr(LocalFileSystem, name, dying(getattr(LocalFileSystem, name)))
            try:
                compaction.compact(loads, "ga4", kept_loads=1, least_files=2)
                died = False
            except Killed:
                died = True
        lake.prepare(loads)
        assert said(loads, "ga4") == before, f"killed at change {point}"
        if not died:
            break
    assert point > 10


def test_a_file_that_would_say_something_else_is_refused(loads: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    before = said(loads)
    written = compaction._written

    def tampered(connection: Any, filesystem: Any, folder: str, files: list[str]) -> Any:
        class Losing:
            def execute(self, query: str, values: Any = None) -> Any:
                if query.startswith("copy"):
                    query = query.replace("union_by_name = true)", "union_by_name = true) limit 1")
                return connection.execute(query, values) if values is not None else connection.execute(query)

        return written(Losing(), filesystem, folder, files)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "_written", tampered)
    with pytest.raises(compaction.CompactionError, match="is not what its"):
        compaction.compact(loads, "ga4", kept_loads=1, least_files=2)
    assert said(loads) == before
