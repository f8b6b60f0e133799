"""What `make chaos` breaks besides whole refreshes: releases, disks, vendors' answers, the daemon.

Each function returns what became of it as `Figures`; a try survived when nothing was lost, torn or unclear.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from serving import release
from tests.chaos.kills import Fire
from tests.chaos.victim import ROOT
from tests.machine import free_port
from tests.orchestration.marts import contents
from tests.serving import readers, warehouse
from tests.serving.warehouse import GATES, Places, next_day

LEVELS = 24  # of free space, from none to enough for one more release
PUBLISH = (
    "import sys; from pathlib import Path; from serving import release; from tests.serving import warehouse as w\n"
    "release.publish(w.Places(Path(sys.argv[1])), w.GATES)"
)
RUN_SECONDS = 600


@dataclass
class Figures:
    """A row of the table."""

    name: str
    tried: int
    survived: int
    lost: int = 0
    torn: int = 0


def releases(folder: Path, seconds: int) -> list[Figures]:
    """Releases following each other under readers of every kind, then on disks that are full at different points."""
    places = Places(folder / "home")
    warehouse.build(places.warehouse_path)
    release.publish(places, GATES)
    processes = readers.start(places, (*readers.SAFE, "link"), seconds)
    published = whole = 0
    while any(process.poll() is None for process in processes):
        next_day(places)
        published += release.publish(places, GATES).is_new
        whole += not release.verify(places)
    rows = [Figures("publications under readers", published, whole, torn=published - whole)]
    for answer in readers.answers(processes):
        reads, torn, failed = (int(answer[key]) for key in ("reads", "torn", "failed"))
        if answer["kind"] == "link":
            click.echo(f"not promised: {torn + failed} of {reads:,} reads through `current` itself were torn or failed")
        else:
            rows.append(Figures(f"reads, {answer['kind']}", reads, reads - torn - failed, failed, torn))
    return [*rows, *_full_disks(folder)]


def _full_disks(folder: Path) -> list[Figures]:
    """Publication on a disk of its own that fills up, for many amounts of free space."""
    disk = folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)], capture_output=True).returncode:
        click.echo("full disks: only root may mount one; not tried")
        return []
    try:
        places = Places(disk / "home")
        warehouse.build(places.warehouse_path)
        first = release.publish(places, GATES)
        next_day(places)
        need = 2 * sum(path.stat().st_size for path in first.path.iterdir())
        row = Figures("disk full while publishing", LEVELS, 0)
        for level in range(LEVELS):
            _one_full_disk(places, disk / "filler", need * level // LEVELS, first.id, row)
        return [row]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _one_full_disk(places: Places, filler: Path, free: int, first: str, row: Figures) -> None:
    room = os.statvfs(places.home)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - free)
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH, str(places.home)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    filler.unlink()
    said = (done.stderr.splitlines() or [""])[-1]
    clear = done.returncode == 0 or ("cannot be written" in said and "free" in said)
    now, problems = release.current(places), release.verify(places)
    stays = now is not None and (done.returncode == 0 or now.id == first)
    row.torn += bool(problems)
    row.lost += not stays or not clear
    row.survived += clear and stays and not problems
    if not clear or problems:
        click.echo(f"full disk with {free:,} bytes left: {said} {problems}")
    if done.returncode == 0:
        release.rollback(places, first)
        next_day(places)


def faults() -> Figures:
    """Every kind of fault at the vendors' endpoints: the matrix of the tests, counted."""
    command = [sys.executable, "-m", "pytest", "tests/ingestion/test_faults.py", "tests/ingestion/test_crashes.py"]
    done = subprocess.run([*command, "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    passed, failed = counts.get("passed", 0), counts.get("failed", 0) + counts.get("error", 0)
    if failed or not passed:
        click.echo(done.stdout[-2000:])
    return Figures("vendors' faults, cut loads", passed + max(failed, not passed), passed, lost=failed)


def fuzz(inputs: int) -> Figures:
    """Spreadsheets and answers nobody would send."""
    command = [sys.executable, "-m", "tests.fuzz", "--inputs", str(inputs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    click.echo(done.stdout)
    return Figures("fuzzed inputs", inputs, inputs if done.returncode == 0 else 0, lost=done.returncode)


LAUNCH = """mutation ($days: [ExecutionTag!]!) { launchRun(executionParams: {
  selector: {repositoryName: "__repository__", repositoryLocationName: "kpilote", jobName: "refresh_daily"},
  executionMetadata: {tags: $days}}) { __typename ... on LaunchRunSuccess { run { runId } } } }"""
STATUS = "query ($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


def daemon(under: Fire) -> Figures:
    """`kpilote dev` killed with a run of its queue inside: the next one frees the run's slots and runs the day."""
    row = Figures("daemon killed with its run", 1, 0)
    environment, day = under.environment(under.victim), under.day.isoformat()
    tags = [{"key": f"dagster/asset_partition_range_{end}", "value": day} for end in ("start", "end")]
    with _dev(environment) as ui:
        fallen = ui.ask(LAUNCH, days=tags)["launchRun"]["run"]["runId"]
        ui.wait(fallen, "STARTED")
        time.sleep(under.pace.total * under.draw.uniform(0.1, 0.6))
    with _dev(environment) as ui:
        ui.wait(fallen, "FAILURE")
        again = ui.ask(LAUNCH, days=tags)["launchRun"]["run"]["runId"]
        ui.wait(again, "SUCCESS")
    row.torn += bool(release.verify(Places(under.victim)))
    row.lost += contents(under.victim) != contents(under.twin)
    row.survived += not row.torn and not row.lost
    return row


class _dev:  # noqa: N801 - used as a context manager
    """`kpilote dev` on a free port, ended by SIGKILL to all of it."""

    def __init__(self, environment: dict[str, str]) -> None:
        port = free_port()
        self._address = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "orchestration.cli", "dev", "--port", str(port)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> _dev:
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self._address}/server_info", timeout=2):
                return self
            time.sleep(1)
        raise RuntimeError("`kpilote dev` did not answer")

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, query: str, **variables: Any) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self._address}/graphql", body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def wait(self, run: str, wanted: str) -> None:
        deadline = time.monotonic() + RUN_SECONDS
        while (status := self.ask(STATUS, run=run)["runOrError"]["status"]) != wanted:
            if time.monotonic() > deadline or status in {"FAILURE", "SUCCESS", "CANCELED"}:
                raise RuntimeError(f"run {run} is {status}, not {wanted}")
            time.sleep(0.5)
