"""What a pull costs against the least it could cost, and against plain dlt.

    python -m tests.benchmarks.ingestion [--scale 0.5] [--months 24] [--sources hubspot,ga4,…] [--no-plain]

For each API source the same pages are read in three ways (`pages.py` says what each does and leaves out), each in a
process of its own, the imaginary vendors in another: their CPU seconds are not counted, but a wall clock waits for
them. Then the streams that fill the five largest tables, alone and without plain dlt. Rows are those the lake accepted,
whichever way reads them. What counts is the ratio of CPU seconds within one run; the aim is 1.5 for the five largest
tables.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb
from rich.console import Console
from rich.table import Table

from ingestion.registry import SOURCES
from tests.benchmarks import pages, stages
from tests.benchmarks.__main__ import DAYS_PER_MONTH, KEY
from tests.benchmarks.company import Company, serving

API_SOURCES = tuple(name for name, source in SOURCES.items() if source.is_api)
LARGEST = 5
AIM = 1.5
MILLION = 1_000_000
# Plain dlt needs minutes for a million rows: of more than so many it reads every n-th page.
PLAIN_ROWS = 100_000
# Headers that belong to a connection, not to a request.
NOT_REPEATED = {"host", "content-length", "connection", "user-agent", "accept-encoding"}
# pandas is imported by pyarrow itself, when it first makes an array of Python's objects.
IMPORTS = (
    "dlt.destinations.impl.filesystem.filesystem", "dlt.common.libs.pyarrow", "dlt.pipeline.pipeline", "duckdb",
    "pandas",
)  # fmt: skip


@dataclass(frozen=True)
class Filled:
    """A table, the stream of its source that fills it, and the rows the lake accepted of it."""

    source: str
    stream: str
    table: str
    rows: int


@dataclass(frozen=True)
class Way:
    """Seconds that one way needs for all the pages."""

    name: str
    cpu_seconds: float
    wall_seconds: float


@dataclass(frozen=True)
class Compared:
    """One set of pages, read in several ways: the floor, ours, perhaps plain dlt."""

    name: str
    requests: int
    rows: int
    ways: list[Way]

    @property
    def ratio(self) -> float:
        """Our CPU seconds in those of the floor."""
        floor, ours, *_ = self.ways
        return ours.cpu_seconds / floor.cpu_seconds


@click.command()
@click.option("--scale", default=0.5, show_default=True, help="Size of the company; 1.0 is 20,000 contacts.")
@click.option("--months", default=24, show_default=True, help="Length of its history.")
@click.option("--sources", default=",".join(API_SOURCES), show_default=True, help="Sources, comma-separated.")
@click.option("--plain/--no-plain", default=True, show_default=True, help="Whether plain dlt is measured, the slowest.")
def main(scale: float, months: int, sources: str, plain: bool) -> None:
    """CPU seconds of pulls, as ratios within one run."""
    console = Console(width=110)
    until = dt.datetime.now(dt.UTC).date()
    start = (until - dt.timedelta(days=round(months * DAYS_PER_MONTH))).replace(day=1)
    with (
        tempfile.TemporaryDirectory(prefix="kpilote-bench-") as home,
        serving(Path(home), start, scale, until) as company,
    ):
        bench = Bench(company, (start, until))
        filled: list[Filled] = []
        whole = []
        for source in sources.split(","):
            filled += bench.filled(source)
            whole.append(bench.compare(source, None, source, plain=plain))
        console.print(table(f"Whole pulls: {months} months at scale {scale:g}", whole))
        largest = sorted(filled, key=lambda each: -each.rows)[:LARGEST]
        streams = {(each.source, each.stream): [] for each in largest}
        for each in largest:
            streams[each.source, each.stream].append(each.table)
        alone = {key: bench.compare(*key, f"{key[0]}: {', '.join(names)}") for key, names in streams.items()}
    console.print(table("The five largest tables, by the streams that fill them", [*alone.values()]))
    met = [each.table for each in largest if alone[each.source, each.stream].ratio <= AIM]
    console.print(f"{len(met)} of {len(largest)} tables within {AIM:g} times the floor's CPU seconds")


class Bench:
    """Pulls of one company, each into a home of its own."""

    def __init__(self, company: Company, days: tuple[dt.date, dt.date]) -> None:
        self._company, self._days = company, days

    def filled(self, source: str) -> list[Filled]:
        """The tables of a source. The imaginary vendors arrange their answers when they are first asked, which is here:
        that time is theirs.
        """
        with self._home(source) as env:
            self._measure("ours", env, pages.ours, source, None, *self._days)
            accounts = Path(env["KPILOTE_HOME"]) / "lake" / source / "_received" / "*.parquet"
            rows = duckdb.sql(
                f"""
                select stream, table_name, sum(rows_accepted)::bigint
                from read_parquet('{accounts}', union_by_name = true) where stream is not null group by all
                """
            ).fetchall()
        return [Filled(source, *row) for row in rows]

    def compare(self, source: str, stream: str | None, name: str, *, plain: bool = False) -> Compared:
        """One source, or one of its streams, by the floor and by ours; by plain dlt where that is wanted."""
        self._company.asked()
        with self._home(source) as env:
            ours = self._measure("ours", env, pages.ours, source, stream, *self._days)
            asked = self._pages(source, stream, env)
        floor = self._read(pages.floor, source, asked)
        ways = [Way(each.name, each.cpu_seconds, each.wall_seconds) for each in (floor, ours)]
        if plain:
            some = self._read(pages.plain, source, asked[:: -(-floor.rows // PLAIN_ROWS)])
            share = some.rows / floor.rows
            ways.append(Way("plain dlt", some.cpu_seconds / share, some.wall_seconds / share))
        return Compared(name, len(asked), ours.rows, ways)

    def _read(self, way: Callable[..., int], source: str, asked: list[pages.Page]) -> stages.Measured:
        with self._home(source) as env:
            return self._measure(way.__name__, env, way, asked, env["KPILOTE_HOME"])

    def _pages(self, source: str, stream: str | None, env: dict[str, str]) -> list[pages.Page]:
        """What was asked of the vendors, and the files they left to be fetched."""
        kept: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        found = []
        for each in self._company.asked():
            headers = {name: value for name, value in each.headers.items() if name not in NOT_REPEATED}
            shared = kept.setdefault(tuple(sorted(headers.items())), headers)
            url = f"http://{each.headers['host']}{each.path.partition('?')[0]}?{each.query}"
            found.append(pages.Page(each.method, url, shared, each.body))
        if source == "ga4" and stream in (None, "events"):
            exported = sorted(Path(env["SOURCES__GA4__EXPORT_URL"]).rglob("events_*.parquet"))
            found += [pages.Page(pages.FILE, str(path), {}) for path in exported]
        return found

    @contextmanager
    def _home(self, source: str) -> Iterator[dict[str, str]]:
        """The environment of an empty home."""
        with tempfile.TemporaryDirectory(prefix="kpilote-bench-") as home:
            yield {
                **self._company.env,
                "KPILOTE_HOME": home,
                "KPILOTE_SOURCES": source,
                "KPILOTE_START_DATE": self._days[0].isoformat(),
                "KPILOTE_HASH_KEY": KEY,
                "RUNTIME__DLTHUB_TELEMETRY": "false",
                "RUNTIME__LOG_LEVEL": "ERROR",
            }

    def _measure(self, name: str, env: dict[str, str], way: Callable[..., int], *arguments: Any) -> stages.Measured:
        source = env["KPILOTE_SOURCES"]
        measured = stages.measure(name, env, way, *arguments, imports=(*IMPORTS, f"ingestion.sources.{source}"))
        said = f"{measured.rows:,} rows in {measured.wall_seconds:.1f} s, {measured.cpu_seconds:.2f} s of CPU"
        click.echo(f"  {source}, {name}: {said}", err=True)
        return measured


def table(title: str, rows: list[Compared]) -> Table:
    """The figures as a table for people."""
    shown = Table("pages of", "way", title=title, title_justify="left")
    for column in ("rows/s", "CPU s per million rows", "CPU, × floor", "wall, × floor"):
        shown.add_column(column, justify="right")
    for each in rows:
        floor = each.ways[0]
        said = (each.name, f"{each.rows:,} rows", f"{each.requests:,} requests")
        for way, text in zip(each.ways, said, strict=False):
            shown.add_row(
                text,
                way.name,
                f"{each.rows / way.wall_seconds:,.0f}",
                f"{way.cpu_seconds / each.rows * MILLION:.1f}",
                f"{way.cpu_seconds / floor.cpu_seconds:.2f}",
                f"{way.wall_seconds / floor.wall_seconds:.2f}",
            )
        shown.add_section()
    return shown


if __name__ == "__main__":
    main()
