"""`kpilote release`: what BI tools read, listed, checked and rolled back."""

from __future__ import annotations

import sys

import click

from orchestration.cli.shared import failing_in_one_line


@click.group()
def release() -> None:
    """List, check and roll back what BI tools read."""


@release.command("list")
@failing_in_one_line
def release_list() -> None:
    """Every release that is kept, newest first; the current one is marked, and one that was rolled back."""
    from ingestion.settings import settings
    from serving.release import current, list_releases, rolled_back

    served, withheld = current(settings()), rolled_back(settings())
    kept = list_releases(settings())
    if not kept:
        click.echo(f"no release in {settings().home} yet: `kpilote refresh --cadence daily` publishes the first")
    for each in kept:
        mark = "*" if served is not None and each.id == served.id else " "
        note = "  rolled back: served again by name only" if each.id == withheld else ""
        click.echo(f"{mark} {each.id}  data through {each.data_through}  {sum(each.rows.values()):,} rows{note}")


@release.command("rollback")
@click.argument("release_id", required=False)
@failing_in_one_line
def release_rollback(release_id: str | None) -> None:
    """Serve an older release again (default: the one before the current), until the marts say something new."""
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
