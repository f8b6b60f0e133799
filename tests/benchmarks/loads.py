"""A lake of many loads: what reading it costs after 365 daily loads and after 3,650, compacted as the weekly job does.

    python -m tests.benchmarks.loads [--loads 365] [--loads 3650] [--scale 0.02]

The loads are copies of one real daily load under ids of their own: as many files as years of days write.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from tests.benchmarks import stages
from tests.benchmarks.__main__ import KEY, table
from tests.benchmarks.company import SOURCES, serving

START, YESTERDAY = dt.date(2026, 1, 1), dt.date(2026, 3, 31)
DAY = dt.timedelta(days=1)


@click.command()
@click.option("--loads", multiple=True, default=(365, 3650), show_default=True, help="Daily loads in the lake.")
@click.option("--scale", default=0.02, show_default=True, help="Size of the company.")
def main(loads: tuple[int, ...], scale: float) -> None:
    """Time of a refresh's reading stages by the number of loads per table."""
    console = Console()
    totals = {}
    for number in loads:
        with tempfile.TemporaryDirectory(prefix="kpilote-loads-") as folder:
            measured = history(Path(folder), number, scale)
        console.print(table(f"{number:,} loads per table, compacted", measured))
        totals[number] = sum(each.wall_seconds for each in measured if each.name != "compact")
    for number in loads[1:]:
        console.print(
            f"{number:,} loads take {totals[number] / totals[loads[0]]:.2f} times as long as {loads[0]:,}"
            f" ({totals[number]:.1f} s, {totals[loads[0]]:.1f} s; the compaction aside)"
        )


def history(home: Path, number: int, scale: float) -> list[stages.Measured]:
    """A home with so many loads, compacted, then refreshed twice: figures of compaction and the second refresh."""
    with serving(home, START, scale, YESTERDAY) as company:
        env = {
            **company.env,
            "KPILOTE_HOME": str(home),
            "KPILOTE_SOURCES": ",".join(SOURCES),
            "KPILOTE_START_DATE": START.isoformat(),
            "KPILOTE_HASH_KEY": KEY,
            "DBT_LOG_LEVEL": "none",
        }
        for first, end in ((START, YESTERDAY), (YESTERDAY, YESTERDAY + DAY)):
            company.advance(end)
            for source in SOURCES:
                stages.measure(f"pull {source}", env, stages.pull, source, first, end)
        for source in SOURCES:
            repeat(home / "lake" / source, number - 2)
        compacted = stages.measure("compact", env, stages.compact)
        stages.measure("dbt build", env, stages.build)
        company.advance(YESTERDAY + 2 * DAY)
        day = YESTERDAY + DAY
        measured = [stages.measure(f"pull {name}", env, stages.pull, name, day, day + DAY) for name in SOURCES]
        measured.append(stages.measure("gate raw", env, stages.gate, "raw"))
        measured.append(stages.measure("dbt build", env, stages.build))
        return [compacted, *measured]


def repeat(lake: Path, times: int) -> None:
    """Write the newest load of a source again so many times, under ids that lie before it."""
    records = sorted((lake / "_dlt_loads").glob("*__*.jsonl"))
    newest = records[-1]
    record = json.loads(newest.read_text(encoding="utf-8"))
    load_id = record["load_id"]
    tables = {path: pq.read_table(path) for path in lake.glob(f"*/{load_id}.*.parquet")}
    oldest = float(records[0].stem.partition("__")[2])
    for number in range(1, times + 1):
        # Between the first load and the newest, so that both keep their place.
        copy = f"{oldest + (float(load_id) - oldest) * number / (times + 1):.7f}"
        for path, rows in tables.items():
            place = rows.schema.get_field_index("_dlt_load_id")
            ids = pa.repeat(pa.scalar(copy, rows.schema.field(place).type), rows.num_rows)
            named = path.with_name(path.name.replace(load_id, copy, 1))
            pq.write_table(rows.set_column(place, rows.schema.field(place), ids), named)
        name = newest.name.replace(load_id, copy)
        newest.with_name(name).write_text(json.dumps({**record, "load_id": copy}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
