"""Publish in forked children that are killed, or whose disk is full, at their n-th change of it, for every n.

Run as a script: `crash_driver.py <home> kill|full` with one release published there and a changed warehouse waiting.
Prints one JSON line per point: what readers see then, and after the next publication. A fork costs a tenth of a new
interpreter, so every single point is tried.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb

from serving import database, files, marts, release
from tests.serving import warehouse

GROWS = ("write_text", "symlink_to", "mkdir")
SHRINKS = ("rename", "replace", "unlink", "chmod")


def main(home: Path, fault: str) -> None:
    pristine, said = home.with_name("pristine"), home.with_name("said")
    shutil.copytree(home, pristine, symlinks=True)
    point = 0
    while True:
        point += 1
        shutil.rmtree(home)
        shutil.copytree(pristine, home, symlinks=True)
        said.unlink(missing_ok=True)
        publisher = os.fork()
        if publisher == 0:
            told = said.open("w")
            _die_at(point) if fault == "kill" else _full_from(point)
            try:
                release.publish(warehouse.Places(home), warehouse.GATES, keep=1)
            except Exception as error:
                told.write(f"{type(error).__name__}: {error}")
                told.close()
                os._exit(3)
            os._exit(0)
        failed = os.waitpid(publisher, 0)[1] != 0
        seen = _in_child(lambda: _look(home))
        after = _in_child(lambda: _recover(home))
        answer = {"point": point, "failed": failed, "said": said.read_text(), "seen": seen, "after": after}
        print(json.dumps(answer), flush=True)
        if not failed:
            return


def _die_at(point: int) -> None:
    """The process ends, as by a power cut, just before its n-th change of the disk."""

    def die(count: int) -> None:
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)

    _before_each((*GROWS, *SHRINKS), die)
    shutil.rmtree = _counted(shutil.rmtree, die)  # type: ignore[assignment]


def _full_from(point: int) -> None:
    """From its n-th write on the disk has no room for the process; renaming and removing still work."""

    def refuse(count: int) -> None:
        if count >= point:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _before_each(GROWS, refuse)


_count = 0


def _counted(function: Callable[..., object], before: Callable[[int], None]) -> Callable[..., object]:
    def wrapper(*args: object, **kwargs: object) -> object:
        global _count
        _count += 1
        before(_count)
        return function(*args, **kwargs)

    return wrapper


def _before_each(methods: tuple[str, ...], before: Callable[[int], None]) -> None:
    """Call `before` with a running number ahead of everything that changes the disk."""
    for name in methods:
        setattr(Path, name, _counted(getattr(Path, name), before))
    files.sync = _counted(files.sync, before)  # type: ignore[assignment]
    os.link = _counted(os.link, before)
    shutil.copyfile = _counted(shutil.copyfile, before)  # type: ignore[assignment]
    marts._copy = _counted(marts._copy, before)  # type: ignore[assignment]
    database.write = _counted(database.write, before)  # type: ignore[assignment]


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
    main(Path(sys.argv[1]), sys.argv[2])
