"""The command `kpilote`: what a person types, in which order things happen, and the exit code.

0 done · 1 failed (one line says what and the mend) · 2 wrong usage. Everything else a run prints goes to
`KPILOTE_HOME/logs/kpilote.log`. Heavy imports wait until a command needs them, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import IO, TYPE_CHECKING, Any, ParamSpec

import click
from dotenv import load_dotenv

from orchestration.attribute import attribute
from orchestration.environment import end_quietly

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from ingestion.settings import Settings
    from ingestion.tables.model import SourceKind
    from orchestration.interview import Given
    from serving.release import Release

CADENCES = ("daily", "weekly", "monthly", "quarterly")
PERIODS = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
DATE = click.DateTime(["%Y-%m-%d"])
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
TOOLS = "NAME,…|none"
P = ParamSpec("P")


def failing_in_one_line(command: Callable[P, None]) -> Callable[P, None]:
    """Errors meant for people end the command with exit code 1 and their one line."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        from ingestion.errors import KpiloteError
        from serving.release import ReleaseError

        try:
            command(*args, **kwargs)
        except (KpiloteError, ReleaseError, RefreshError) as error:
            click.echo(f"kpilote: {error}", err=True)
            sys.exit(1)

    return run


class RefreshError(Exception):
    """A refresh ended badly; the message names step, reason and where to read on."""


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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kpilote")
def main() -> None:
    """An open KPI warehouse for marketing and sales."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    load_dotenv(".env")  # for the processes a command starts; what the environment says wins
    end_quietly()


main.add_command(attribute)


@main.command()
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
    _show_scorecard(screen, "month")
    screen.print(
        "\n  kpilote scorecard --cadence weekly   the same for another cadence"
        "\n  make dev                             these runs in Dagster's UI, ready for a backfill"
        "\n  README.md                            how to connect your own accounts"
    )


@main.command()
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


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sandbox(arguments: tuple[str, ...]) -> None:
    """Serve the imaginary company over the vendors' HTTP APIs."""
    import runpy

    sys.argv = ["kpilote sandbox", *arguments]
    runpy.run_module("sandbox", run_name="__main__")


@main.command()
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


@main.command()
@click.option("--cadence", type=click.Choice(tuple(PERIODS)), default="monthly", show_default=True)
# Excel takes UTF-8 without its mark for the computer's own encoding.
@click.option("--csv", "file", type=click.File("w", "utf-8-sig", lazy=True), help="Write it to this file instead.")
@failing_in_one_line
def scorecard(cadence: str, file: IO[str] | None) -> None:
    """Print the scorecard of the published release, or write it as CSV."""
    from orchestration.terminal import console

    if file is None:
        _show_scorecard(console(), PERIODS[cadence])
        return
    from serving.report import table

    file.write(table.render(_served(), PERIODS[cadence]))


@main.command()
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
    console().print(explanation.render(ledger.explain(settings(), _served(), kpi, parse(period), name, value)))


@main.command()
@failing_in_one_line
def attribution() -> None:
    """Say where the attribution models disagree and why, and draw the published release's page of them."""
    from orchestration.terminal import console
    from serving.attribution import terminal

    console().print(terminal.render(_served()))


@main.command()
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of each table.")
@failing_in_one_line
def channels(limit: int) -> None:
    """Sessions that no channel rule matches, and mistakes in the tags of links with the sessions each costs."""
    from orchestration.terminal import console
    from serving.report import channels as report

    console().print(report.render(_served(), limit))


@main.command()
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


@main.command()
@failing_in_one_line
def doctor() -> None:
    """Check settings, credentials and reachability, one line each; exit code 1 when anything is wrong."""
    from orchestration.demo import company_if_needed

    with company_if_needed() as now:
        is_fine = _examined(now)
    if not is_fine:
        sys.exit(1)


@main.command()
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


@main.command()
@failing_in_one_line
def docs() -> None:
    """Write dbt's documentation site of the marts."""
    from ingestion.settings import settings
    from orchestration.dbt import write_docs

    click.echo(f"documentation: {write_docs(settings())}")


@main.group()
def gate() -> None:
    """What the gates found, and what of it a person says is right."""


@gate.command("list")
@failing_in_one_line
def gate_list() -> None:
    """Failures and warnings of the newest run of each gate, with the id that `accept` takes."""
    from expectations.acceptance import open_findings
    from ingestion.settings import settings

    now, here = dt.datetime.now(tz=dt.UTC), settings()
    found = open_findings(here)
    for each in found:
        state = str(each.acceptance) if each.is_accepted(now) else each.severity
        end = "" if each.acceptable else " (to be mended, not accepted)"
        click.echo(f"{each.id}  gate {each.gate}, {each.table}: {each.expectation}, {each.text}  [{state}]{end}")
    if not found:
        judged = any((here.docs_dir / "results").glob("*/*.json"))
        click.echo("every expectation holds in the newest runs" if judged else "no gate has run yet: `kpilote refresh`")


@gate.command("accept")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--reason", required=True, help="Why it is right; stands in every run's report and in the release.")
@click.option("--days", type=int, default=7, show_default=True, help="How long, at most 90.")
@failing_in_one_line
def gate_accept(ids: tuple[str, ...], reason: str, days: int) -> None:
    """Accept findings that are right: they no longer stop the pipeline, until they grow or the days are over."""
    from expectations.acceptance import accept
    from ingestion.settings import settings

    for each in ids:
        accepted = accept(settings(), each, reason=reason, days=days)
        click.echo(f"{accepted.id}  {accepted.table}: {accepted.expectation}, {accepted.about}, {accepted}")
    click.echo("run the refresh again: the gate then lets it pass as a warning")


@main.group()
def release() -> None:
    """List, check and roll back what BI tools read."""


@release.command("list")
@failing_in_one_line
def release_list() -> None:
    """Every release that is kept, newest first; the current one is marked."""
    from ingestion.settings import settings
    from serving.release import current, list_releases

    served = current(settings())
    for each in list_releases(settings()):
        mark = "*" if served is not None and each.id == served.id else " "
        click.echo(f"{mark} {each.id}  data through {each.data_through}  {sum(each.rows.values()):,} rows")


@release.command("rollback")
@click.argument("release_id", required=False)
@failing_in_one_line
def release_rollback(release_id: str | None) -> None:
    """Serve an older release again (default: the one before the current)."""
    from ingestion.settings import settings
    from serving.release import rollback

    click.echo(f"serving {rollback(settings(), release_id).id}")


@release.command("verify")
@click.argument("release_id", required=False)
@failing_in_one_line
def release_verify(release_id: str | None) -> None:
    """Check the hashes of a release (default: the current one) and of the file BI tools open."""
    from ingestion.settings import settings
    from serving.release import verify

    problems = verify(settings(), release_id)
    for problem in problems:
        click.echo(f"FAIL {problem}")
    if problems:
        sys.exit(1)
    click.echo("ok   every file is what was published")


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


def _served() -> Release:
    from ingestion.settings import settings
    from serving.release import ReleaseError, current

    served = current(settings())
    if served is None:
        raise ReleaseError("there is no release yet: run `kpilote demo` or `kpilote refresh --cadence daily` first")
    return served


def _show_scorecard(screen: Console, period: str) -> None:
    from serving.report import terminal

    served = _served()
    screen.print(terminal.render(served, period))
    screen.print(f"\n  page: {served.path / 'scorecard.html'}")


if __name__ == "__main__":
    main()
