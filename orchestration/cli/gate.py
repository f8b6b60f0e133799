"""`kpilote gate`: what the gates found, and what of it a person accepts."""

from __future__ import annotations

import datetime as dt

import click

from orchestration.cli.shared import failing_in_one_line


@click.group()
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
