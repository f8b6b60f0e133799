"""`make chaos`: kills, full disks, vendors' faults, publications under readers, fuzz; one table, 1 if anything broke.

    python -m tests.chaos [--kills 100] [--readers-seconds 60] [--fuzz 2000] [--seed 1] [--folder DIR]

Writes nothing outside a temporary folder (or `--folder`, which is kept). docs/reliability.md keeps the figures of one
run, with the machine they come from.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from pathlib import Path

import click

from tests.chaos import rest
from tests.chaos.kills import FIRST_RUN, LONGER, STAGES, Kill, fire
from tests.chaos.rest import Figures

IN_A_ROW = 3
FIRST_KILLS = 2


@click.command()
@click.option("--kills", type=click.IntRange(0), default=100, show_default=True, help="Refreshes killed.")
@click.option(
    "--readers-seconds", type=click.IntRange(0), default=60, show_default=True, help="Releases under readers."
)
@click.option("--fuzz", type=click.IntRange(0), default=2_000, show_default=True, help="Inputs of the fuzz.")
@click.option("--faults/--no-faults", default=True, show_default=True, help="Vendors' HTTP faults, the whole matrix.")
@click.option("--daemon/--no-daemon", default=True, show_default=True, help="Runs of the daemon killed with it.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the moments of the kills.")
@click.option("--folder", type=click.Path(path_type=Path), help="Where the homes are made, and kept.")
def main(
    kills: int, readers_seconds: int, fuzz: int, faults: bool, daemon: bool, seed: int, folder: Path | None
) -> None:
    """Break everything that can be broken, many times."""
    began = time.monotonic()
    figures: list[Figures] = []
    with contextlib.ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kpilote-chaos-")))
        if kills:
            figures += killed(place / f"kills-{seed}", kills, seed, daemon)
        if readers_seconds:
            figures += rest.releases(place / "releases", readers_seconds)
        if faults:
            figures.append(rest.faults())
        if fuzz:
            figures.append(rest.fuzz(fuzz))
    click.echo(f"\n{'':<34}{'tried':>8}{'survived':>10}{'lost':>6}{'torn':>6}")
    for each in figures:
        click.echo(f"{each.name:<34}{each.tried:>8,}{each.survived:>10,}{each.lost:>6}{each.torn:>6}")
    click.echo(f"\n{time.monotonic() - began:,.0f} s")
    if any(each.survived < each.tried for each in figures):
        raise SystemExit(1)


def killed(folder: Path, kills: int, seed: int, daemon: bool) -> list[Figures]:
    """Kills until there are enough, a new day after every few of them; a row per stage."""
    stages = itertools.cycle(STAGES)
    with fire(folder, seed, click.echo) as under:
        under.found(FIRST_KILLS)
        while len(under.kills) < kills:
            under.next_day(min(IN_A_ROW, kills - len(under.kills)), stages)
        rows = [of_stage(stage, under.kills) for stage in (FIRST_RUN, *STAGES, LONGER, "end")]
        if daemon:
            rows.append(rest.daemon(under))
    return [row for row in rows if row.tried]


def of_stage(stage: str, kills: list[Kill]) -> Figures:
    """What became of the kills that hit a stage."""
    mine = [kill for kill in kills if kill.stage == stage]
    lost, torn = sum(bool(kill.lost) for kill in mine), sum(bool(kill.torn) for kill in mine)
    survived = sum(not kill.lost and not kill.torn for kill in mine)
    return Figures(f"refresh killed: {stage}", len(mine), survived, lost, torn)


if __name__ == "__main__":
    main()
