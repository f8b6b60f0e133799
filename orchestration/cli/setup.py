"""Commands that set Kpilote up and show it: `init`, `doctor`, `dev`, `docs`, `sandbox`."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from orchestration.cli.shared import DATE, failing_in_one_line

if TYPE_CHECKING:
    from ingestion.settings import Settings
    from ingestion.tables.model import SourceKind
    from orchestration.interview import Given

TOOLS = "NAME,…|none"


def _tools(kind: SourceKind) -> Callable[[click.Context, click.Parameter, str | None], tuple[str, ...] | None]:
    """What an option says of the sources of a kind: names with commas, or `none`."""

    def named(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...] | None:
        if value is None:
            return None
        from orchestration.init import chosen

        try:
            return chosen(kind, value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return named


@click.command()
@click.option("--crm", metavar=TOOLS, callback=_tools("crm"), help="CRMs in use.")
@click.option("--analytics", metavar=TOOLS, callback=_tools("analytics"), help="Web analytics in use.")
@click.option("--email", metavar=TOOLS, callback=_tools("email"), help="Email platforms in use.")
@click.option("--spreadsheets", metavar="FOLDER|none", help="Folder or bucket of the spreadsheets people edit.")
@click.option("--home", help="Folder of everything Kpilote makes.")
@click.option("--timezone", help="Time zone of the reports, e.g. Europe/Paris.")
@click.option("--currency", help="Currency of the reports, e.g. EUR.")
@click.option("--first-day", type=DATE, help="First day to pull.")
@click.option("--no-input", "--yes", is_flag=True, help="Ask nothing: options, environment and .env say everything.")
@failing_in_one_line
def init(
    crm: tuple[str, ...] | None,
    analytics: tuple[str, ...] | None,
    email: tuple[str, ...] | None,
    spreadsheets: str | None,
    home: str | None,
    timezone: str | None,
    currency: str | None,
    first_day: dt.datetime | None,
    no_input: bool,
) -> None:
    """Ask which tools the company uses and what they need, write it to .env here, and check that it works.

    Secrets are typed unseen, or come from the environment variables of their own names.
    """
    from orchestration.interview import Given

    options = {
        "KPILOTE_HOME": home,
        "KPILOTE_TIMEZONE": timezone,
        "KPILOTE_CURRENCY": currency,
        "KPILOTE_START_DATE": first_day.date().isoformat() if first_day else None,
    }
    given = Given(
        {"crm": crm, "analytics": analytics, "email": email},
        spreadsheets,
        {name: value for name, value in options.items() if value is not None},
    )
    _set_up(given, ask=not no_input)


@click.command()
@failing_in_one_line
def doctor() -> None:
    """Check settings, credentials and reachability, one line each; exit code 1 when anything is wrong."""
    from orchestration.demo import company_if_needed

    with company_if_needed() as now:
        is_fine = _examined(now)
    if not is_fine:
        sys.exit(1)


@click.command()
@click.option("--port", type=int, default=3000, show_default=True)
@failing_in_one_line
def dev(port: int) -> None:
    """Dagster's UI and daemon on this machine (127.0.0.1), with the runs of this home in them."""
    import subprocess

    from orchestration.demo import company_if_needed
    from orchestration.runs import ROOT, end_orphans, instance
    from orchestration.storage import POSTGRES_VARIABLE

    with company_if_needed() as now:
        with instance() as dagster:
            end_orphans(dagster)
        click.echo(f"Dagster's UI: http://127.0.0.1:{port}   data: {now.home}   (Ctrl-C ends both)")
        if os.environ.get(POSTGRES_VARIABLE):
            click.echo("runs and events are kept in PostgreSQL")
        command = [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)]
        environment = {**os.environ, **now.environment(), "DAGSTER_HOME": str(ROOT)}
        try:
            code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode  # noqa: S603
        except KeyboardInterrupt:
            code = 0
    sys.exit(0 if code in (0, -2, 130) else 1)


@click.command()
@failing_in_one_line
def docs() -> None:
    """Write dbt's documentation site of the marts."""
    from ingestion.settings import settings
    from orchestration.dbt import write_docs

    click.echo(f"documentation: {write_docs(settings())}")


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Serve the imaginary company over the vendors' HTTP APIs."""
    import runpy

    sys.argv = ["kpilote sandbox", *arguments]
    runpy.run_module("sandbox", run_name="__main__")


def _set_up(given: Given, *, ask: bool) -> None:
    """Ask, write `.env`, say which lines it has now, and let the doctor judge them."""
    from pathlib import Path

    from ingestion.settings import reload
    from orchestration import env_file
    from orchestration.environment import variables
    from orchestration.init import KEY_VARIABLE, titles
    from orchestration.interview import Interview
    from orchestration.terminal import console, settings_table

    screen, path = console(), Path(".env")
    before = env_file.load(path)
    standing = env_file.values(before)
    if ask:
        screen.print(f"Answers are written to [bold]{path.resolve()}[/]; Enter takes what stands in brackets.")
    lines = Interview(screen, given, os.environ, standing, ask).hold()
    env_file.write(path, env_file.merged(before, lines, titles()))
    screen.print(f"\n{path.resolve()}, readable by its owner only")
    screen.print(settings_table(standing, lines))
    if KEY_VARIABLE not in standing:
        screen.print(f"Keep a copy of {KEY_VARIABLE} in your secret store: what was pulled with it joins to no other's")
    if env_file.may_be_committed(path):
        screen.print("[yellow]git does not ignore .env here: name it in .gitignore, it holds secrets[/]")
    screen.print()
    with variables(lines):
        is_fine = _examined(reload())
    if not is_fine:
        screen.print("\nMend what FAIL names (`kpilote init` asks again, Enter keeps the rest), then: kpilote doctor")
        sys.exit(1)
    screen.print("\nNext: kpilote refresh --cadence daily")


def _examined(now: Settings) -> bool:
    """Print what the doctor finds; whether all of it is fine."""
    from orchestration.doctor import findings

    is_fine = True
    for finding in findings(now):
        is_fine = is_fine and finding.fine
        click.echo(f"{'ok  ' if finding.fine else 'FAIL'} {finding.subject}: {finding.text}")
    return is_fine
