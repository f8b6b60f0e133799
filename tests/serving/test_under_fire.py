"""Publication while processes are killed, disks fill up and readers read: one whole release, always."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from serving import release
from tests.serving import readers
from tests.serving.warehouse import GATES, THROUGH, Places, next_day

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = str(THROUGH), str(THROUGH + timedelta(days=1))
PUBLISH = (
    "import sys; from pathlib import Path; from serving import release; from tests.serving import warehouse as w\n"
    "print(release.publish(w.Places(Path(sys.argv[1])), w.GATES).is_new)"
)
HOLD = (
    "import sys, time; from pathlib import Path; from serving import files\n"
    "with files.locked(Path(sys.argv[1]) / 'releases' / '.lock', wait_seconds=0):\n"
    "    print('held', flush=True); time.sleep(60)"
)
# The largest file this process may write, as if the disk ended there: DuckDB's own writes are stopped too.
WITHIN = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))\n"


def start(code: str, places: Places) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, str(places.home)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def points(places: Places, fault: str) -> list[dict[str, Any]]:
    """A release published, another day waiting, and the fault at every change of the disk until none is left."""
    with duckdb.connect(str(places.warehouse_path)) as db:  # small marts, for it publishes a hundred times
        db.execute("delete from marts.kpi_values where cadence <> 'quarter'")
        db.execute("delete from marts.attribution_channels where cadence <> 'quarter'")
    release.publish(places, GATES)
    next_day(places)
    command = [sys.executable, "-m", "tests.serving.crash_driver", str(places.home), fault]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(found) > 20
    assert [point["failed"] for point in found] == [True] * (len(found) - 1) + [False]
    return found


def assert_whole(point: dict[str, Any], first: str) -> None:
    """Readers see one release or the other, and the next publication ends what was begun and leaves nothing behind."""
    seen, after = point["seen"], point["after"]
    assert seen["damage"] == [], point
    assert seen["bi_through"] in ([OLD], [NEW]), point
    assert seen["leads"] == (OLD if seen["current"] == first else NEW), point
    assert (seen["bi"] == first) == (seen["bi_through"] == [OLD]), point
    assert after["through"] == NEW, point
    assert after["problems"] == [], point
    assert set(after["left"]) == {".lock", "current", after["id"]} | ({first} & set(after["left"])), point


@pytest.mark.slow
def test_a_kill_at_any_point_leaves_a_whole_release_and_the_next_run_finishes(places: Places) -> None:
    found = points(places, "kill")
    first = found[0]["seen"]["current"]
    for point in found:
        assert_whole(point, first)
    # The points must lie on both sides of the moment of publication, or the test proves nothing.
    assert {point["seen"]["bi"] == first for point in found} == {True, False}
    assert any(point["seen"]["bi"] != point["seen"]["current"] for point in found)


@pytest.mark.slow
def test_a_full_disk_at_any_point_is_one_clear_line_and_the_current_release_stays(places: Places) -> None:
    found = points(places, "full")
    first = found[0]["seen"]["current"]
    for point in found:
        assert_whole(point, first)
        if point["failed"]:
            assert point["said"].startswith(f"ReleaseError: {places.home} cannot be written"), point
            assert "No space left on device" in point["said"], point
            assert "free 10 MB there" in point["said"], point
            assert "\n" not in point["said"], point
        # Whatever needs room comes before the switch: a full disk never leaves the two doors on two releases, except
        # where the list of names itself cannot be made durable after the switch.
        if point["seen"]["bi"] != point["seen"]["current"]:
            assert point["seen"]["current"] != first, point
    assert any(f"readers keep release {first}" in point["said"] for point in found)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_disk_that_ends_within_a_file_stops_publication_before_anyone_notices(places: Places, share: float) -> None:
    first = release.publish(places, GATES)
    next_day(places)
    limit = int(share * places.bi_path.stat().st_size)

    publisher = start(WITHIN.format(bytes=limit) + PUBLISH, places)
    _, err = publisher.communicate(timeout=60)

    assert publisher.returncode == 1
    said = err.splitlines()[-1]
    assert said.startswith(f"serving.folder.ReleaseError: {places.home} cannot be written ("), err
    assert said.endswith(f"readers keep release {first.id}"), err
    assert release.current(places) == first
    assert release.verify(places) == []
    assert sorted(path.name for path in places.releases_dir.iterdir()) == [".lock", first.id, "current"]
    left = sorted(path.name for path in places.home.iterdir())
    assert left == ["kpilote.duckdb", "ledger", "releases", "warehouse.duckdb"]
    second = release.publish(places, GATES)
    assert second.is_new
    assert sorted(path.name for path in places.ledger_dir.iterdir()) == [f"{one.id}.parquet" for one in (first, second)]


def test_publishers_take_turns(places: Places) -> None:
    runs = [start(PUBLISH, places) for _ in range(3)]
    answers = [run.communicate(timeout=60) for run in runs]

    assert [run.returncode for run in runs] == [0, 0, 0], answers
    assert sorted(out.strip() for out, _ in answers) == ["False", "False", "True"]
    assert len(release.list_releases(places)) == 1
    assert release.verify(places) == []


def test_a_publisher_that_is_killed_lets_the_next_one_in(places: Places) -> None:
    release.publish(places, GATES)
    next_day(places)
    holder = start(HOLD, places)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waiting = start(PUBLISH, places)
    time.sleep(1.5)
    assert waiting.poll() is None

    holder.kill()
    out, err = waiting.communicate(timeout=60)
    holder.communicate()

    assert out.strip() == "True", err
    assert release.verify(places) == []


def test_readers_see_no_torn_and_no_failed_read_while_releases_follow_each_other(places: Places) -> None:
    release.publish(places, GATES)
    processes = readers.start(places, readers.SAFE, seconds=120)
    published, began = 0, time.monotonic()
    while published < 3 or time.monotonic() < began + 4:
        next_day(places)
        published += release.publish(places, GATES).is_new
    assert all(process.poll() is None for process in processes)
    (places.home / readers.ENOUGH).touch()
    for answer in readers.answers(processes):
        assert answer["torn"] == answer["failed"] == 0, answer
        assert int(answer["reads"]) >= 10, answer
        # A connection keeps the release it opened; every other reader must have lived through a publication.
        assert answer["days"] == 1 if answer["kind"] == "held" else int(answer["days"]) >= 2, answer


def test_parquet_readers_keep_a_whole_release_while_another_is_published(places: Places) -> None:
    first = release.publish(places, GATES)
    with first.connect() as db:
        before = db.execute("select max(lead_date) from fct_leads").fetchall()
        next_day(places)
        release.publish(places, GATES)
        assert db.execute("select max(data_through) from kpi_values").fetchall() == before == [(THROUGH,)]
