"""Commands that refresh the indicators in the foreground: `refresh`, and `demo` over the imaginary company."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from orchestration.cli.published import show_scorecard
from orchestration.cli.shared import CADENCES, DATE, RefreshError, failing_in_one_line

if TYPE_CHECKING:
    from rich.console import Console

    from ingestion.settings import Settings

MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])


@click.command()
@click.option(
    "--scale", type=click.FloatRange(min=0.001), default=None, help="Size of the company (1: 20,000 contacts)."
)
@failing_in_one_line
def demo(scale: float | None) -> None:
    """From three vendor APIs (an imaginary company's) to a published KPI scorecard."""
    from ingestion.settings import settings
    from orchestration import demo as company
    from orchestration.terminal import console

    screen = console()
    now = settings()
    company.refuse_foreign_home(now)
    screen.print(f"[bold]Kpilote demo[/]: an imaginary company, served over its vendors' APIs → {now.home}")
    with contextlib.ExitStack() as stack:
        with screen.status("building the company"):
            served = stack.enter_context(company.company(now, scale))
        _refresh(screen, served, CADENCES)
    show_scorecard(screen, "month")
    screen.print(
        "\n  kpilote scorecard --cadence weekly   the same for another cadence"
        "\n  make dev                             these runs in Dagster's UI, ready for a backfill"
        "\n  README.md                            how to connect your own accounts"
    )


@click.command()
@click.option("--cadence", type=click.Choice(CADENCES), help="Which indicators.")
@click.option("--from", "first", type=DATE, help="First day of the range.")
@click.option("--to", "last", type=DATE, help="Last day of the range, included.")
@click.option("--as-of", type=MOMENT, help="Build what the lake knew at this moment, in a warehouse of its own.")
@failing_in_one_line
def refresh(
    cadence: str | None, first: dt.datetime | None, last: dt.datetime | None, as_of: dt.datetime | None
) -> None:
    """Run the refresh of a cadence in the foreground: a range of days as one run, or what is missing."""
    from orchestration.demo import company_if_needed
    from orchestration.terminal import console

    if as_of is not None:
        if cadence or first or last:
            raise click.UsageError("--as-of builds every cadence of that moment: it goes with no other option")
        _look_back(console(), as_of)
        return
    if cadence is None:
        raise click.UsageError("Missing option '--cadence' (or --as-of).")
    if (first is None) != (last is None):
        raise click.UsageError("--from and --to go together")
    dates = (first.date(), last.date()) if first and last else None
    if dates and dates[1] < dates[0]:
        raise click.UsageError(f"--to {dates[1]} lies before --from {dates[0]}")
    with company_if_needed() as now:
        _refresh(console(), now, (cadence,), dates)


def _refresh(
    screen: Console, now: Settings, names: tuple[str, ...], dates: tuple[dt.date, dt.date] | None = None
) -> None:
    """Refresh cadences one after the other; the first that fails ends it."""
    from orchestration import runs, terminal
    from orchestration.definitions import build_defs
    from orchestration.partitions import cadences

    log = now.home / "logs" / "kpilote.log"
    rhythm = cadences(now)
    chosen = {name: _partitions(rhythm[name], now, dates) if dates else None for name in names}
    with terminal.logged(log), runs.instance() as dagster:
        runs.end_orphans(dagster)
        definitions = build_defs()
        for name in names:
            cadence = rhythm[name]
            span = chosen[name] or runs.due(dagster, definitions, cadence)
            if span is None:
                screen.print(f"[bold]{name}[/]: no {cadence.period} since {now.start_date} is over yet")
                continue
            screen.print(
                f"[bold]{name}[/] {span[0]} to {span[1]}" if span[0] != span[1] else f"[bold]{name}[/] {span[0]}"
            )
            lines = terminal.StepLines(screen)
            with lines.shown():
                outcome = runs.execute(dagster, definitions, cadence, *span, lines)
            if outcome.failure:
                step, reason = outcome.failure
                raise RefreshError(f"{name} refresh failed at {terminal.label(step)}: {reason} (log: {log})")


def _partitions(cadence: Any, now: Settings, dates: tuple[dt.date, dt.date]) -> tuple[str, str]:
    """The partitions a range of days means, or a usage error that says which days there are."""
    from orchestration.schedules import newest

    first, last = dates
    final = newest(cadence)
    keys = cadence.keys(first, last)
    start = cadence.partitions.get_first_partition_key()
    if (
        final is None
        or not keys
        or first < dt.date.fromisoformat(start)
        or (cadence.name == "daily" and str(last) > final)
    ):
        raise click.UsageError(
            f"{first} to {last}: the {cadence.name} periods to refresh are those of {start} (KPILOTE_START_DATE "
            f"{now.start_date}) to {final or 'none yet'}, the newest that is over"
        )
    return keys[0], keys[-1]


def _look_back(screen: Console, moment: dt.datetime) -> None:
    """Build the marts of an earlier moment and say where they are."""
    from ingestion.settings import settings
    from orchestration import as_of, terminal

    now = settings()
    at = as_of.instant(moment, now)
    with screen.status("reading the project") as status, terminal.logged(now.home / "logs" / "kpilote.log"):
        rebuilt = as_of.rebuild(now, at, lambda count, total, name: status.update(f"{count} of {total}: {name}"))
    screen.print(
        f"{rebuilt.tables} marts as the lake knew the world on {at:%Y-%m-%d %H:%M %Z}, data through "
        f"{rebuilt.data_through}\n  {rebuilt.warehouse}"
    )
