"""Commands that read what is published: `scorecard`, `explain`, `attribution`, `channels`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import click

from orchestration.cli.shared import failing_in_one_line, served

if TYPE_CHECKING:
    from rich.console import Console

PERIODS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}


@click.command()
@click.option("--cadence", type=click.Choice(tuple(PERIODS)), default="monthly", show_default=True)
# Excel takes UTF-8 without its mark for the computer's own encoding.
@click.option("--csv", "file", type=click.File("w", "utf-8-sig", lazy=True), help="Write it to this file instead.")
@failing_in_one_line
def scorecard(cadence: str, file: IO[str] | None) -> None:
    """Print the scorecard of the published release, or write it as CSV."""
    from orchestration.terminal import console

    if file is None:
        show_scorecard(console(), PERIODS[cadence])
        return
    from serving.report import table

    file.write(table.render(served(), PERIODS[cadence]))


@click.command()
@click.argument("kpi")
@click.argument("period")
@click.option("--dimension", metavar="NAME=VALUE", help="One cut of it, e.g. channel=paid_search (default: the total).")
@failing_in_one_line
def explain(kpi: str, period: str, dimension: str | None) -> None:
    """What a KPI says for a PERIOD (2026-03-09, 2026-W11, 2026-03, 2026-Q1, 2026), said before, and why it changed."""
    from ingestion.settings import settings
    from orchestration.terminal import console
    from serving.ledger import explain as ledger
    from serving.ledger.periods import parse
    from serving.report import explanation

    name, given, value = (dimension or "total=total").partition("=")
    if not given:
        raise click.UsageError(f"--dimension {dimension}: write NAME=VALUE, e.g. channel=paid_search")
    console().print(explanation.render(ledger.explain(settings(), served(), kpi, parse(period), name, value)))


@click.command()
@failing_in_one_line
def attribution() -> None:
    """Say where the attribution models disagree and why, and draw the published release's page of them."""
    from orchestration.terminal import console
    from serving.attribution import terminal

    console().print(terminal.render(served()))


@click.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of each table.")
@failing_in_one_line
def channels(limit: int) -> None:
    """Sessions that no channel rule matches, and mistakes in the tags of links with the sessions each costs."""
    from orchestration.terminal import console
    from serving.report import channels as report

    console().print(report.render(served(), limit))


def show_scorecard(screen: Console, period: str) -> None:
    """Print it, and where its page is."""
    from serving.report import terminal

    release = served()
    screen.print(terminal.render(release, period))
    screen.print(f"\n  page: {release.path / 'scorecard.html'}")
