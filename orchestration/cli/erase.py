"""`kpilote erase`: a person leaves everything that is kept."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from orchestration.cli.shared import failing_in_one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from ingestion.settings import Settings


@click.command()
@click.option("--email", help="The person's address; `-` reads it from standard input, so that no history keeps it.")
@click.option("--id", "vendor_id", metavar="SOURCE:ID", help="A vendor's id of the person, e.g. hubspot:12345.")
@click.option("--resume", is_flag=True, help="Finish an erasure that was interrupted.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@failing_in_one_line
def erase(email: str | None, vendor_id: str | None, resume: bool, yes: bool) -> None:
    """Erase a person from everything this home keeps, and keep them out of every later pull."""
    from orchestration.demo import settings_here
    from orchestration.terminal import console

    if sum((email is not None, vendor_id is not None, resume)) != 1:
        raise click.UsageError("give one of --email, --id and --resume")
    if email == "-":
        email = sys.stdin.readline().strip()
    with settings_here() as now:
        _erase(console(), now, email, vendor_id, ask=not yes)


def _erase(screen: Console, now: Settings, email: str | None, vendor_id: str | None, *, ask: bool) -> None:
    """Say how much there is of the person, ask, and erase; without a person, finish what was interrupted."""
    from orchestration import erasure, runs

    with erasure.quiet(now), runs.instance() as dagster:
        found = erasure.find(now, email, vendor_id) if email is not None or vendor_id is not None else None
        if found is not None:
            screen.print(f"found {erasure.counted(found)}")
            for table, rows in found.rows.items():
                screen.print(f"  {table:<26} {rows:>9,} rows")
            if ask:
                click.confirm("Erase this person for good?", abort=True)
        with screen.status("erasing") as status:
            report = partial(_update, status)
            done = erasure.erase(now, found, dagster, report) if found else erasure.resume(now, dagster, report)
    screen.print(f"erased: {done}, see {now.erasures_path}")


def _update(status: Status, line: str) -> None:
    status.update(f"erasing: {line}")
