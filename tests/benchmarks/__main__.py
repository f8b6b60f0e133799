"""Each stage of a refresh, timed: first over the whole history, then day by day.

    python -m tests.benchmarks [--scale 1.0] [--months 24] [--months 240] [--days 3]

Prints a row per stage and the ratios that matter (a machine's speed cancels out of a ratio). With several lengths of
history also what one more day costs after each, against the first. One more day is the median of some days, stage by
stage; the day right after the whole history is shown apart, as DuckDB puts together then what the build left half
filled. The sources are those of KPILOTE_SOURCES.
"""

from __future__ import annotations

import datetime as dt
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.benchmarks import stages
from tests.benchmarks.company import SOURCES, Company, serving

DAYS_PER_MONTH = 30.44
EARLIEST = dt.date(2016, 1, 1)  # the imaginary company's systems did not exist before
Figures = dict[str, stages.Measured]
KEY = "benchmark-hash-key"
# A daily run leaves them to the weekly, monthly and quarterly ones.
LONGER = tuple(f"kpi_values_{period}" for period in ("week", "month", "quarter", "year"))
ATTRIBUTION = ("path:models/intermediate/attribution", "path:models/marts/attribution")
RESTS_ON_IT = tuple(f"{models}+" for models in ATTRIBUTION)
# What dbt builds, in the order of a refresh: models selected (everything where none is named), and those left out.
MODELS = {
    "facts": ((), RESTS_ON_IT),
    "attribution": (ATTRIBUTION, ()),
    "KPIs": (RESTS_ON_IT, ATTRIBUTION),
}


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Size of the company; 1.0 is 20,000 contacts.")
@click.option("--months", multiple=True, default=(24,), show_default=True, help="Length of its history.")
@click.option(
    "--days", default=3, show_default=True, type=click.IntRange(1), help="One more day: the median of so many."
)
def main(scale: float, months: tuple[int, ...], days: int) -> None:
    """Time and memory of each stage."""
    console = Console()
    longer = {length: history(console, scale, length, days) for length in months}
    for length in months[1:]:
        console.print(compared(months[0], length, longer))


def history(console: Console, scale: float, months: int, days: int) -> Figures:
    """Measure one length of history; returns the figures of one more day."""
    until = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1 + days)
    start = (until - dt.timedelta(days=round(months * DAYS_PER_MONTH))).replace(day=1)
    if start < EARLIEST:  # a longer history goes on into the future
        start, until = EARLIEST, until + (EARLIEST - start)
    with tempfile.TemporaryDirectory(prefix="kpilote-bench-") as folder:
        home = Path(folder)
        rows = [stages.measure("build the world", {}, stages.world, start, scale, until)]
        with serving(home, start, scale, until) as company:
            env = {
                **company.env,
                "KPILOTE_HOME": str(home),
                "KPILOTE_SOURCES": ",".join(SOURCES),
                "KPILOTE_START_DATE": start.isoformat(),
                "KPILOTE_HASH_KEY": KEY,
                "DBT_LOG_LEVEL": "none",  # the table is what people read here
            }
            first = run_all(env, start, until, days_ago=1 + days)
            console.print(table(f"Whole history: {months} months at scale {scale:g}", [*rows, *first.values()]))
            later = [day(company, env, until + dt.timedelta(days=past), days - past) for past in range(1 + days)]
    console.print(table("The day after it", list(later[0].values())))
    again = median(later[1:])
    console.print(table(f"One more day: median of {days}, stage by stage", list(again.values())))
    for name in (*(f"dbt {models}" for models in MODELS), *(f"pull {source}" for source in SOURCES)):
        ratio = again[name].wall_seconds / first[name].wall_seconds
        console.print(f"{name}: one more day takes {ratio:.0%} of the whole history's time")
    return again


def day(company: Company, env: dict[str, str], date: dt.date, days_ago: int) -> Figures:
    """All stages for one day more, published so many days ago."""
    until = date + dt.timedelta(days=1)
    company.advance(until)
    # The imaginary vendors arrange a new day when they are first asked about it: that time is theirs.
    with tempfile.TemporaryDirectory(prefix="kpilote-bench-") as elsewhere:
        for source in SOURCES:
            stages.measure(f"pull {source}", {**env, "KPILOTE_HOME": elsewhere}, stages.pull, source, date, until)
    return run_all(env, date, until, LONGER, days_ago)


def median(days: list[Figures]) -> Figures:
    """Of each stage the median of every figure."""
    return {
        name: replace(
            stage,
            **{
                field: statistics.median_low(getattr(figures[name], field) for figures in days)
                for field in ("wall_seconds", "cpu_seconds", "peak_mb", "rows")
            },
        )
        for name, stage in days[0].items()
    }


def run_all(
    env: dict[str, str], first: dt.date, end: dt.date, left_out: tuple[str, ...] = (), days_ago: int = 0
) -> Figures:
    """Every stage of one refresh, in order, by name, published so many days ago; `left_out`: models of other runs."""
    steps = [stages.measure(f"pull {source}", env, stages.pull, source, first, end) for source in SOURCES]
    steps.append(stages.measure("gate raw", env, stages.gate, "raw"))
    for name, (selected, excluded) in MODELS.items():
        selection = [
            *(("--select", *selected) if selected else ()),
            *(("--exclude", *excluded, *left_out) if (excluded or left_out) else ()),
        ]
        steps.append(stages.measure(f"dbt {name}", env, stages.build, *selection))
    steps += [stages.measure(f"gate {name}", env, stages.gate, name) for name in ("unified", "marts")]
    steps.append(stages.measure("publish", env, stages.publish, days_ago))
    return {step.name: step for step in steps}


def table(title: str, rows: list[stages.Measured]) -> Table:
    """The figures as a table for people."""
    shown = Table(title=title, title_justify="left")
    shown.add_column("stage")
    for column in ("wall s", "CPU s", "peak MB", "rows", "rows/s"):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(
            row.name,
            f"{row.wall_seconds:.1f}",
            f"{row.cpu_seconds:.1f}",
            f"{row.peak_mb:,.0f}",
            f"{row.rows:,}",
            f"{row.rows_per_second:,.0f}",
        )
    return shown


def compared(short: int, long: int, longer: dict[int, Figures]) -> Table:
    """What one more day costs after two lengths of history, and the ratios."""
    shown = Table(title=f"One more day after {short} months and after {long}", title_justify="left")
    shown.add_column("stage")
    for unit in ("wall s", "CPU s"):
        for column in (f"{unit}, {short}", f"{unit}, {long}", "ratio"):
            shown.add_column(column, justify="right")
    figures = [(name, longer[short][name], longer[long][name]) for name in longer[short]]
    for name, *pair in [*figures, ("all", total(longer[short]), total(longer[long]))]:
        cells = []
        for field in ("wall_seconds", "cpu_seconds"):
            before, after = (getattr(each, field) for each in pair)
            cells += [f"{before:.1f}", f"{after:.1f}", f"{after / before:.2f}"]
        shown.add_row(name, *cells)
    return shown


def total(figures: Figures) -> stages.Measured:
    """All stages of a day together."""
    every = list(figures.values())
    return stages.Measured(
        "all",
        sum(each.wall_seconds for each in every),
        sum(each.cpu_seconds for each in every),
        max(each.peak_mb for each in every),
        every[-1].rows,
    )


if __name__ == "__main__":
    main()
