"""A pull whose process is killed while its load reaches the lake: files are whole, and nothing is lost or twice."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from ingestion import lake, resume
from ingestion.errors import SourceError
from ingestion.registry import SOURCES
from ingestion.settings import Settings
from sandbox.server import Running
from tests.ingestion.conftest import END, START
from tests.ingestion.lake_reader import committed, latest

Truth = dict[str, list[tuple[object, ...]]]
MIDDLE = END - dt.timedelta(days=10)
# Each way dies by SIGKILL: half a file is on the disk, or the cursors are in the lake and the load's record is not.
KILLED = """
import datetime as dt, os, shutil, signal, sys
from dlt.destinations.impl.filesystem.filesystem import FilesystemClient
from ingestion import lake
from ingestion.settings import settings

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def half(source, target, **_):
    with open(source, "rb") as whole, open(target, "wb") as part:
        part.write(whole.read(500))
        part.flush()
        die()

if sys.argv[1] == "half a file":
    shutil.copyfile = half
else:
    FilesystemClient._store_load = die
lake.pull("hubspot", dt.date.fromisoformat(sys.argv[2]), dt.date.fromisoformat(sys.argv[3]), settings=settings())
"""


def pull_and_die(moment: str, start: dt.date, end: dt.date) -> None:
    command = [sys.executable, "-c", KILLED, moment, start.isoformat(), end.isoformat()]
    died = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr


@pytest.mark.parametrize(
    ("moment", "working_files"),
    [
        ("half a file", "kept"),
        ("half a file", "lost"),
        ("before the record", "lost"),
        ("before the record", "damaged"),
    ],
)
def test_a_load_killed_on_its_way_into_the_lake_is_made_good_by_the_next(
    moment: str, working_files: str, fresh: Settings, company: Running, truth: Truth
) -> None:
    try:
        company.advance(MIDDLE)
        lake.pull("hubspot", START, MIDDLE, settings=fresh)
    finally:
        company.advance(END)
    before = committed(fresh, "hubspot")
    pull_and_die(moment, MIDDLE, END)

    assert committed(fresh, "hubspot") == before
    for declared in lake.lake_tables("hubspot"):  # every file a reader globs can be read, whoever wrote it
        duckdb.connect().execute(f"from read_parquet('{lake.table_glob(fresh, declared)}', union_by_name = true)")

    if working_files == "lost":
        shutil.rmtree(fresh.dlt_dir)
    elif working_files == "damaged":
        for path in filter(Path.is_file, (fresh.dlt_dir / "kpilote_hubspot").rglob("*")):
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    lake.pull("hubspot", MIDDLE, END, settings=fresh)
    for declared in SOURCES["hubspot"].tables.values():
        assert latest(fresh, declared) == truth[declared.full_name], declared.full_name


def test_a_pull_under_a_clock_that_went_back_is_refused(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its load would count as older than the ones whose rows it corrects."""
    lake.pull("spreadsheets", START, MIDDLE, settings=fresh)
    before = time.time() - 3_600
    monkeypatch.setattr(resume.time, "time", lambda: before)
    with pytest.raises(SourceError, match="clock is behind the newest load"):
        lake.pull("spreadsheets", START, END, settings=fresh)
