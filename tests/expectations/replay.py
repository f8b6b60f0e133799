"""False alarms: a company's clean history judged day after day, as the gate would have seen it.

    python -m tests.expectations.replay [--seed 7] [--scale 0.2] [--months 24] [--every 1]

Nothing is wrong in the sandbox, so whatever stops is a false alarm. The lake is pulled once; each judged day the loads
are told to have ended there (`_windows`), so later days do not exist. Record tables have one load in it: of them volume
is judged, their nulls, words and numbers learn from daily loads only. Prints what was found, and alarms per year.
"""

import datetime as dt
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import click

from expectations import learned, sight
from ingestion import lake
from ingestion.registry import SOURCES, tables
from ingestion.settings import Settings, reload
from sandbox.server import running
from sandbox.world import World

START = dt.date(2024, 1, 1)
Found = tuple[str, str, str, str, dt.date, str, str]  # table, check, severity, column, day, found, usual


def pulled(home: Path, seed: int, scale: float, end: dt.date) -> Settings:
    """The lake of a clean company from START to `end`, pulled over HTTP."""
    with running(World(seed=seed, start=START, scale=scale), end, home=home) as company:
        own = {
            "KPILOTE_HOME": str(home),
            "KPILOTE_HASH_KEY": "a key of replays",
            "KPILOTE_START_DATE": START.isoformat(),
        }
        with mock.patch.dict(os.environ, {**company.env, **own, "KPILOTE_SOURCES": ",".join(SOURCES)}):
            settings = reload()
            for name in SOURCES:
                lake.pull(name, START, end, settings=settings)
    reload()
    return settings


def replay(settings: Settings, first: dt.date, end: dt.date, every: int) -> Iterator[Found]:
    """What the checks find on each day in [first, end), newest first, each finding once."""
    seen = set()
    with sight.lake(settings) as connection:
        for ago in range(0, (end - first).days, every):
            day = end - dt.timedelta(days=ago)
            for name in settings.sources:
                connection.execute(f"update {name}._windows set window_end = $1 where window_end > $1", [day])
            for table in tables(settings.sources):
                learned.judge(connection, table)
                rows = connection.execute(
                    "select check_name, severity, column_name, day, found, usual"
                    f' from {table.source}."{table.name}_findings"'
                ).fetchall()
                for check, severity, column, about, found, usual in rows:
                    if (table.full_name, check, severity, column, about) not in seen:
                        seen.add((table.full_name, check, severity, column, about))
                        yield table.full_name, check, severity, column, about, found, usual


@click.command()
@click.option("--seed", default=7, show_default=True)
@click.option("--scale", default=0.2, show_default=True, help="Size of the company; 1.0 is 20,000 contacts.")
@click.option("--months", default=24, show_default=True)
@click.option("--every", default=1, show_default=True, help="Judge every so many days.")
def main(seed: int, scale: float, months: int, every: int) -> None:
    """False alarms of the learning checks on a clean history."""
    end = START + dt.timedelta(days=round(30.44 * months))
    first = START + dt.timedelta(days=91)
    with tempfile.TemporaryDirectory(prefix="kpilote-replay-") as folder:
        found = list(replay(pulled(Path(folder), seed, scale, end), first, end, every))
    years = (end - first).days / 365.25
    for each in found:
        click.echo("  ".join(str(part) for part in each))
    counted: dict[tuple[str, str, str], int] = {}
    for table, check, severity, *_ in found:
        key = (table.partition(".")[0], check, severity)
        counted[key] = counted.get(key, 0) + 1
    for (source, check, severity), number in sorted(counted.items()):
        click.echo(f"{source:14} {check:10} {severity:9} {number / years:6.2f} a year")
    critical = sum(severity == "critical" for _, _, severity, *_ in found)
    click.echo(f"seed {seed}, scale {scale:g}: {critical / years / len(SOURCES):.2f} critical per source and year")


if __name__ == "__main__":
    main()
