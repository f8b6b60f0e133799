"""Publish in forked children that are killed, or whose disk is full, at their n-th change of it, for every n.

Run as a script: `crash_driver.py <home> kill|full` with one release published there and a changed warehouse waiting.
Prints one JSON line per point: what readers see then, and after the next publication. A fork costs a tenth of a new
interpreter, so every single point is tried.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import duckdb

from serving import release
from tests import crash_points
from tests.serving import warehouse


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
            crash_points.kill_at(point) if fault == "kill" else crash_points.full_from(point)
            try:
                release.publish(warehouse.Places(home), warehouse.GATES, keep=1)
            except Exception as error:
                told.write(f"{type(error).__name__}: {error}")
                told.close()
                os._exit(3)
            os._exit(0)
        failed = os.waitpid(publisher, 0)[1] != 0
        seen = crash_points.answer(lambda: _look(home))
        after = crash_points.answer(lambda: _recover(home))
        answer = {"point": point, "failed": failed, "said": said.read_text(), "seen": seen, "after": after}
        print(json.dumps(answer), flush=True)
        if not failed:
            return


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


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
