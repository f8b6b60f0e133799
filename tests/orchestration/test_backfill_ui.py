"""Backfills launched by hand in Dagster's UI, in a real browser, end with the marts and the release as they were.

Screenshots go to `screenshots/` (kept out of git).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from orchestration.runs import ROOT, instance
from tests.conftest import Home, serving
from tests.machine import free_port
from tests.orchestration.marts import contents

SCREENSHOTS = ROOT / "screenshots"
START_SECONDS = 120
BACKFILL_SECONDS = 600
BACKFILLS = [
    ("refresh_daily", "2025-03-01", "2025-03-10"),
    ("refresh_weekly", "2025-02-03", "2025-02-24"),
    ("refresh_monthly", "2025-01-01", "2025-03-01"),
]


@pytest.mark.slow
@pytest.mark.browser
def test_backfills_launched_in_the_ui_leave_the_marts_as_they_were(home_copy: Home, browser: Browser) -> None:
    before, release = contents(home_copy.path), (home_copy.path / "releases" / "current").resolve()
    SCREENSHOTS.mkdir(exist_ok=True)
    window = browser.new_page(viewport={"width": 1400, "height": 900})
    with serving(home_copy) as served, webserver(served) as address:
        for job, first, last in BACKFILLS:
            launch(window, address, job, first, last)
        window.goto("about:blank")
        wait_until_done(served)
        for job, *_ in BACKFILLS:
            show_green(window, address, served, job)
    assert contents(home_copy.path) == before
    assert (home_copy.path / "releases" / "current").resolve() == release


def launch(window: Page, address: str, job: str, first: str, last: str) -> None:
    """Clicks through the job's page: choose a range of partitions, launch the backfill."""
    window.goto(f"{address}/locations/kpilote/jobs/{job}")
    with suppress(Exception):  # a newsletter dialog greets the first visit
        window.get_by_role("button", name="Skip").click(timeout=5_000)
    window.get_by_role("button", name="Materialize all…").click(timeout=60_000)
    dialog = window.locator("[role=dialog]").last
    with suppress(Exception):  # long histories are cut to the last 90 days at first
        dialog.get_by_text("Show all partitions").click(timeout=5_000)
    box = dialog.locator("input[type=text]").first
    box.fill(f"[{first}...{last}]")
    box.press("Enter")
    window.wait_for_timeout(1_000)
    window.screenshot(path=SCREENSHOTS / f"{job}-1-chosen.png")
    dialog.get_by_role("button", name="Launch", exact=False).last.click()
    window.wait_for_timeout(2_000)


def wait_until_done(home: Home) -> None:
    """Waits until no backfill is under way: by Dagster's own word, as a page that is open draws all the while."""
    from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus

    under_way = [BulkActionStatus.REQUESTED, BulkActionStatus.CANCELING, BulkActionStatus.FAILING]
    deadline = time.monotonic() + BACKFILL_SECONDS
    with home.active(), instance() as dagster:
        while dagster.get_backfills(BulkActionsFilter(statuses=under_way)):
            assert time.monotonic() < deadline, f"backfills are not done; {failures(home)}"
            time.sleep(2)


def show_green(window: Page, address: str, home: Home, job: str) -> None:
    """Opens the list of backfills, and requires the newest one of a job to be green."""
    window.goto(f"{address}/runs?tab=backfills")
    window.get_by_text(f"{job}_partition_set").first.wait_for(timeout=60_000)
    # The row of this job's backfill: from the name of its partition set to the button that ends the row.
    row = re.search(rf"{job}_partition_set.*?\nView\n", window.inner_text("body"), re.DOTALL)
    text = row[0] if row else "no backfill of this job"
    is_green = any(word in text for word in ("Success", "Completed", "Succeeded"))
    window.screenshot(path=SCREENSHOTS / f"{job}-2-{'green' if is_green else 'not-green'}.png")
    assert is_green, f"backfill of {job} is not green: {text!r}; {failures(home)}"


def failures(home: Home) -> list[str]:
    """What the failed runs of this home say."""
    from dagster import DagsterRunStatus, RunsFilter

    from orchestration.sensors import first_failure

    with home.active(), instance() as dagster:
        runs = dagster.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
        return [f"{run.job_name}: {first_failure(run, dagster)}" for run in runs]


@contextmanager
def webserver(home: Home) -> Iterator[str]:
    """`kpilote dev` on a free port: webserver and daemon as a person starts them."""
    port = free_port()
    log = (Path(home.path) / "logs" / "dev.log").open("w", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "dev", "--port", str(port)],
        cwd=ROOT,
        env={**os.environ, **home.environment},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{address}/server_info", timeout=2):
                break
            time.sleep(1)
        else:
            pytest.fail(f"the UI did not start: {Path(log.name).read_text(encoding='utf-8')[-2000:]}")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        log.close()
