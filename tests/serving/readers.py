"""Readers of a published home: each a process of its own that asks two marts for their day, again and again.

    python -m tests.serving.readers <home> <kind> <seconds>

Prints one JSON line: reads, torn (the two marts spoke of different days), failed, and how many days it saw. What each
kind may assume is written in docs/runbook.md, "Reading a release".
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from tests.serving.warehouse import Places

VALUES, LEADS = "select max(data_through) from {}", "select max(lead_date) from {}"
ENOUGH = "enough"  # a file in the home that ends its readers early
SAFE = ("statement", "connection", "folder", "held")
Days = tuple[object, object]


def one_statement(places: Places) -> Days:
    """The BI file, both marts in one statement."""
    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        both = f"select ({VALUES.format('marts.kpi_values')}), ({LEADS.format('marts.fct_leads')})"
        return bi.execute(both).fetchall()[0]


def one_connection(places: Places) -> Days:
    """The BI file, two statements of one connection."""
    with duckdb.connect(str(places.bi_path), read_only=True) as bi:
        return _two(bi, "marts.kpi_values", "marts.fct_leads")


def one_folder(places: Places) -> Days:
    """The Parquet files of the folder `current` led to when the session began."""
    return _of_files((places.releases_dir / "current").resolve())


def the_link(places: Places) -> Days:
    """The Parquet files through `current` itself, which may be switched between two statements: what not to do."""
    return _of_files(places.releases_dir / "current")


def _of_files(folder: Path) -> Days:
    with duckdb.connect() as db:
        return _two(db, f"'{folder / 'kpi_values*.parquet'}'", f"'{folder / 'fct_leads.parquet'}'")


def _two(db: duckdb.DuckDBPyConnection, values: str, leads: str) -> Days:
    return db.execute(VALUES.format(values)).fetchall()[0][0], db.execute(LEADS.format(leads)).fetchall()[0][0]


@contextmanager
def reading(places: Places, kind: str) -> Iterator[Callable[[], Days]]:
    """The read to repeat."""
    if kind == "held":  # one connection kept open while the file is replaced under its name
        with duckdb.connect(str(places.bi_path), read_only=True) as bi:
            yield lambda: _two(bi, "marts.kpi_values", "marts.fct_leads")
    else:
        kinds = {"statement": one_statement, "connection": one_connection, "folder": one_folder, "link": the_link}
        yield lambda: kinds[kind](places)


def main(home: str, kind: str, seconds: str) -> None:
    reads = torn = failed = 0
    days = set()
    with reading(Places(Path(home)), kind) as read:
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end and not Path(home, ENOUGH).exists():
            reads += 1
            try:
                values, leads = read()
            except duckdb.Error:
                failed += 1
                continue
            torn += values != leads
            days.add(str(values))
    print(json.dumps({"kind": kind, "reads": reads, "torn": torn, "failed": failed, "days": len(days)}))


def start(places: Places, kinds: Sequence[str], seconds: float) -> list[subprocess.Popen[str]]:
    """A process per kind."""
    command = [sys.executable, "-m", "tests.serving.readers", str(places.home)]
    return [
        subprocess.Popen([*command, kind, str(seconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for kind in kinds
    ]


def answers(readers: Sequence[subprocess.Popen[str]]) -> list[dict[str, int | str]]:
    """What each saw; fails with what a reader that ended badly said."""
    found = []
    for reader in readers:
        out, err = reader.communicate()
        assert reader.returncode == 0, err
        found.append(json.loads(out))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
