"""Publish in forked children that are killed at their n-th change of the disk, for every n; report what readers see.

Run as a script: `crash_driver.py <home>` with one release published there and a changed warehouse waiting. Prints one
JSON line per crash point. A fork costs a tenth of a new interpreter, so every single point is tried.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from serving import files, marts, release
from tests.serving import warehouse


def main(home: Path) -> None:
    pristine = home.with_name("pristine")
    shutil.copytree(home, pristine, symlinks=True)
    point = 0
    while True:
        point += 1
        shutil.rmtree(home)
        shutil.copytree(pristine, home, symlinks=True)
        publisher = os.fork()
        if publisher == 0:
            _die_at(point)
            release.publish(warehouse.Places(home), warehouse.GATES, keep=1)
            os._exit(0)
        crashed = os.WIFSIGNALED(os.waitpid(publisher, 0)[1])
        seen = _in_child(lambda: _look(home))
        after = _in_child(lambda: _recover(home))
        print(json.dumps({"point": point, "crashed": crashed, "seen": seen, "after": after}), flush=True)
        if not crashed:
            return


def _die_at(point: int) -> None:
    """Count everything that changes the disk; the process ends, as by a power cut, just before the n-th change."""
    count = 0

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            if count == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapper

    for name in ("rename", "replace", "unlink", "write_text", "symlink_to", "mkdir", "chmod"):
        setattr(Path, name, counted(getattr(Path, name)))
    files.sync = counted(files.sync)  # type: ignore[assignment]
    shutil.copyfile = counted(shutil.copyfile)  # type: ignore[assignment]
    shutil.rmtree = counted(shutil.rmtree)  # type: ignore[assignment]
    marts._copy_sorted = counted(marts._copy_sorted)  # type: ignore[assignment]
    marts.write_database = counted(marts.write_database)  # type: ignore[assignment]


def _look(home: Path) -> dict[str, object]:
    """What a BI tool and the scorecard find right after the crash."""
    places = warehouse.Places(home)
    now = release.current(places)
    assert now is not None
    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        served = bi.execute("select release_id from release.info").fetchall()[0][0]
        through = bi.execute("select distinct data_through::varchar from marts.kpi_values").fetchall()
    with now.connect() as db:
        leads = db.execute("select max(lead_date)::varchar from fct_leads").fetchall()[0][0]
    damage = [problem for problem in release.verify(places) if "is not the file of release" not in problem]
    return {
        "current": now.id,
        "bi": served,
        "bi_through": [day for (day,) in through],
        "leads": leads,
        "damage": damage,
    }


def _recover(home: Path) -> dict[str, object]:
    places = warehouse.Places(home)
    done = release.publish(places, warehouse.GATES, keep=2)
    left = sorted(path.name for path in places.releases_dir.iterdir())
    return {"through": str(done.data_through), "problems": release.verify(places), "left": left, "id": done.id}


def _in_child(work: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Run in a fork, so that this process never starts DuckDB's threads (they do not survive a fork)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), os.fdopen(writing, "w") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    answer: dict[str, object] = json.loads(text) if text else {"failed": True}
    return answer


if __name__ == "__main__":
    main(Path(sys.argv[1]))
