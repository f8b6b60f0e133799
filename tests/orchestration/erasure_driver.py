"""Erase in forked children that are killed at their n-th change of the disk, for every n; then resume, and look.

Run as a script: `erasure_driver.py <home> <step>`, with a small home there (`small_home`) in which one person is known
by ADDRESS. Prints one JSON line per crash point. `step` tries every step-th point only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import dlt.pipeline.state_sync  # noqa: F401 - so that no child pays for it
import duckdb
import pyarrow.parquet as pq

from ingestion import erasure as lake_side
from ingestion import suppression
from ingestion.settings import Settings
from orchestration import erasure
from serving import release
from tests import crash_points, traces

ADDRESS, KEY = "ann@acme.example", "a key of the tests"
CONTACT, BROWSER = "1508900010", "browser.77"


def settings(home: Path) -> Settings:
    return Settings(home=home, lake_url=str(home / "lake"), hash_key=KEY, timezone="Europe/Paris")  # type: ignore[arg-type]


def main(home: Path, step: int) -> None:
    with dg.DagsterInstance.ephemeral():
        pass  # its imports, before the first fork
    pristine = home.with_name("pristine")
    shutil.copytree(home, pristine, symlinks=True)
    point = 1
    while True:
        shutil.rmtree(home)
        shutil.copytree(pristine, home, symlinks=True)
        eraser = os.fork()
        if eraser == 0:
            crash_points.kill_at(point)
            _erase(home)
            os._exit(0)
        _, status = os.waitpid(eraser, 0)
        crashed = os.WIFSIGNALED(status)
        seen = crash_points.answer(lambda: _look(home))
        after = crash_points.answer(lambda: _recover(home))
        failed = not crashed and os.waitstatus_to_exitcode(status) != 0
        print(
            json.dumps({"point": point, "crashed": crashed, "failed": failed, "seen": seen, "after": after}), flush=True
        )
        if not crashed:
            return
        point += step


def _erase(home: Path) -> None:
    now = settings(home)
    with erasure.quiet(now), dg.DagsterInstance.ephemeral() as dagster:
        erasure.erase(now, erasure.find(now, ADDRESS, None), dagster, lambda _line: None)


def _look(home: Path) -> dict[str, Any]:
    """What readers find right after the crash: one whole release, and a lake with every row."""
    now = settings(home)
    with duckdb.connect(str(now.bi_path), read_only=True) as bi:
        bi_people = bi.execute("select distinct person_id from marts.dim_people order by 1").fetchall()
    with duckdb.connect() as connection:
        current = f"{now.releases_dir}/current"
        through = connection.execute(f"select count(*) from '{current}/*_values*.parquet'").fetchone()
        people = connection.execute(f"select person_id from '{current}/dim_people.parquet' order by 1").fetchall()
    return {"rows": _rows(home), "values": through and through[0], "people": len(people), "bi_people": len(bi_people)}


def _rows(home: Path) -> dict[str, int]:
    counted: dict[str, int] = {}
    for path in sorted((home / "lake").rglob("*.parquet")):
        table = str(path.parent.relative_to(home))
        counted[table] = counted.get(table, 0) + pq.ParquetFile(path).metadata.num_rows
    return counted


def _recover(home: Path) -> dict[str, Any]:
    """Finish what was begun (or begin, where nothing was), and say what there is then."""
    now = settings(home)
    with erasure.quiet(now), dg.DagsterInstance.ephemeral() as dagster:
        if now.erasure_journal.exists():
            try:
                erasure.find(now, ADDRESS, None)
            except lake_side.UnfinishedError:
                erasure.resume(now, dagster, lambda _line: None)
        elif not now.erasures_path.exists():
            erasure.erase(now, erasure.find(now, ADDRESS, None), dagster, lambda _line: None)
    known = suppression.read(now)
    hashes = [str(one) for one in sorted(known.hashes)]
    return {
        "problems": [problem for each in release.list_releases(now) for problem in release.verify(now, each.id)],
        "releases": [each.id for each in release.list_releases(now)],
        "traces": traces.holding(home, (CONTACT, BROWSER)),
        "marts": _canonical(now.warehouse_path),
        "rows": _rows(home),
        "left": sorted(
            path.name
            for path in home.rglob("*")
            if re.search(r"\.(part|draft|amended|removed|staging)|^erasure\.json$", path.name)
        ),
        "erasures": len(now.erasures_path.read_text().splitlines()),
        "suppressed": [known.knows("contact", f"hubspot:{CONTACT}"), known.knows("client", BROWSER), len(hashes)],
    }


def _canonical(warehouse: Path) -> list[list[object]]:
    """The people of the marts, surrogates numbered: they are drawn anew by every erasure."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute("from marts.dim_people order by name").fetchall()
    return [[re.sub("erased-[0-9a-f]{32}", "erased", str(value)) for value in row] for row in found]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
