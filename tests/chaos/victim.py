"""One home under fire: `kpilote refresh` as a process group of its own that is killed in a stage, and what is left.

Belongs here: running, killing and looking. Does not: which kills there are (`kills.py`).
"""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from serving import release
from tests.serving.warehouse import Places

ROOT = Path(__file__).resolve().parents[2]
# A finished step's line in the terminal: a mark, its label, seconds.
FINISHED = re.compile(r"[✓✗] (.*?)\s+(\d+\.\d) s")
STAGE_OF = {"pull": "ingest", "gate": "gate", "model": "dbt", "publish": "publish"}
RUN_SECONDS = 600


@dataclass
class Refresh:
    """A running `kpilote refresh`. `ended` lists its finished steps: label, own seconds, seconds since the start."""

    process: subprocess.Popen[str]
    began: float = field(default_factory=time.monotonic)
    ended: list[tuple[str, float, float]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._listen, daemon=True)
        self._reader.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if found := FINISHED.search(line):
                self.ended.append((found[1], float(found[2]), time.monotonic() - self.began))

    def wait(self) -> int:
        code = self.process.wait(timeout=RUN_SECONDS)
        self._reader.join()
        return code

    def kill(self) -> bool:
        """SIGKILL to the whole process group; whether it was still running."""
        running = self.process.poll() is None
        if running:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()
        return running

    @property
    def said(self) -> str:
        return self.lines[-1] if self.lines else "nothing"


def refresh(environment: Mapping[str, str], cadence: str, first: dt.date, last: dt.date) -> Refresh:
    """Start a refresh over [first, last]."""
    command = [sys.executable, "-m", "orchestration.cli", "refresh", "--cadence", cadence]
    command += ["--from", first.isoformat(), "--to", last.isoformat()]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    return Refresh(process)


def stage_of(label: str) -> str:
    """The stage a step belongs to."""
    return STAGE_OF[label.partition(":")[0]]


def uncommitted(home: Path) -> bool:
    """Whether files of a load lie in the lake that no load's record speaks for yet."""
    committed = {path.stem.split("__")[1] for path in home.glob("lake/*/_dlt_loads/*__*.jsonl")}
    loads = {".".join(path.name.split(".")[:2]) for path in home.glob("lake/*/*/[0-9]*.parquet")}
    return bool(loads - committed) or any(home.glob("lake/*/*/.*.part"))


def damage(home: Path) -> list[str]:
    """What is wrong with what readers find right after a kill: one whole release by each of the two doors."""
    places = Places(home)
    served = release.current(places)
    if served is None:
        return []
    found = [each for each in release.verify(places) if "is not the file of release" not in each]
    try:
        with served.connect() as files, duckdb.connect(str(places.bi_path), read_only=True) as bi:
            answers = files.execute("select count(*) from kpi_values").fetchall()
            answers += bi.execute("select count(*) from marts.kpi_values").fetchall()
            bi.execute("select release_id from release.info").fetchall()
    except duckdb.Error as error:
        return [*found, f"a reader failed: {error}"]
    return found + [f"a reader saw no rows: {answers}" for rows in answers if not rows[0]]
