"""`kpilote attribute`: the attribution of a file of one's own, without a home, a warehouse or any setting.

Belongs here: options, progress, where the answer goes. Not: models (`attribution`) and how they read (`serving`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from attribution.model import CUSTOM, MODELS, AttributionError, Settings

if TYPE_CHECKING:
    from attribution.model import Result
    from serving.comparison.sheet import Sheet

FILE = click.Path(dir_okay=False, path_type=Path)
OUTPUTS = (".csv", ".parquet", ".html")
DEFAULTS = Settings()


def _position(_context: click.Context, _option: click.Parameter, value: str) -> tuple[float, float]:
    """Two shares with a comma between them, as numbers or percent (40,40)."""
    try:
        first, last = (float(part.strip().rstrip("%")) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value}: write the shares of the first and the last touch, e.g. 40,40") from None
    return (first / 100, last / 100) if first + last > 1 else (first, last)


def _weights(_context: click.Context, _option: click.Parameter, value: str | None) -> Mapping[str, float] | None:
    if value is None:
        return None
    try:
        return {role.strip(): float(weight) for role, _, weight in (part.partition("=") for part in value.split(","))}
    except ValueError:
        raise click.BadParameter(f"{value}: write weights by role, e.g. first=0.5,last=0.3,rest=0.2") from None


def _output(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and value.suffix.lower() not in OUTPUTS:
        raise click.BadParameter(f"{value}: its name ends in one of {', '.join(OUTPUTS)}")
    return value


@click.command()
@click.option("--paths", "file", required=True, type=FILE, help="CSV or Parquet: counted paths, or a log of touches.")
@click.option(
    "--model", "models", multiple=True, type=click.Choice((*MODELS, CUSTOM)), help="Only these (default: every one)."
)
@click.option("--lookback-days", type=float, default=DEFAULTS.lookback_days, show_default=True)
@click.option("--half-life-days", type=float, default=DEFAULTS.half_life_days, show_default=True, help="Of time_decay.")
@click.option("--position", default="40,40", show_default=True, callback=_position, help="Percent for first, last.")
@click.option("--custom", callback=_weights, metavar="ROLE=W,…", help="Weights of a model of your own.")
@click.option("--order", type=int, default=DEFAULTS.order, show_default=True, help="Touches a Markov state remembers.")
@click.option("--separator", default=DEFAULTS.separator, show_default=True, help="Between the channels of a path.")
@click.option(
    "--direct",
    multiple=True,
    default=DEFAULTS.direct,
    show_default=True,
    help="Name of direct visits; may be repeated.",
)
@click.option(
    "--conversion-paths",
    type=click.Choice(("shared", "since_previous_conversion")),
    default="shared",
    show_default=True,
    help="Whether conversions of a person share touches.",
)
@click.option(
    "--minimum-conversions",
    type=int,
    default=DEFAULTS.minimum_conversions,
    show_default=True,
    help="Data-driven models are withheld below.",
)
@click.option(
    "--bootstrap", type=int, default=DEFAULTS.bootstrap, show_default=True, help="Replicates; 0: no intervals."
)
@click.option("--by", type=click.Choice(("channel", "campaign")), default="channel", show_default=True)
@click.option("--memory-mb", type=int, default=DEFAULTS.memory_mb, show_default=True, help="What beyond goes to disk.")
@click.option("--compare", type=FILE, help="Your present tool's credits (channel, conversions, value), shown beside.")
@click.option("--output", type=FILE, callback=_output, help="Write FILE.csv, .parquet or .html as well.")
def attribute(
    file: Path,
    models: tuple[str, ...],
    lookback_days: float,
    half_life_days: float,
    position: tuple[float, float],
    custom: Mapping[str, float] | None,
    order: int,
    separator: str,
    direct: tuple[str, ...],
    conversion_paths: str,
    minimum_conversions: int,
    bootstrap: int,
    by: str,
    memory_mb: int,
    compare: Path | None,
    output: Path | None,
) -> None:
    """Credit conversions to channels by every model, side by side, from an export of your own.

    Counted paths have the columns path, conversions and, if known, value and nulls (journeys without a conversion); a
    log of touches person, time, channel, converted and, if known, value, campaign, lead_creating, opportunity_creating,
    touch_id.
    """
    try:
        settings = Settings(
            models=models or MODELS,
            lookback_days=lookback_days,
            half_life_days=half_life_days,
            position=position,
            custom=custom,
            since_previous=conversion_paths != "shared",
            by_campaign=by == "campaign",
            order=order,
            minimum_conversions=minimum_conversions,
            bootstrap=bootstrap,
            separator=separator,
            direct=direct,
            memory_mb=memory_mb,
        )
        _run(file, settings, compare, output)
    except (AttributionError, OSError) as error:
        click.echo(f"kpilote: {error}", err=True)
        sys.exit(1)


def _run(file: Path, settings: Settings, compare: Path | None, output: Path | None) -> None:
    from attribution import present
    from orchestration.terminal import console
    from serving.comparison import terminal
    from serving.comparison.sheet import sheet

    told = present.read(compare, by_campaign=settings.by_campaign) if compare else None
    screen = console()
    shown = sheet(file.name, _attributed(file, settings), told, by_campaign=settings.by_campaign)
    screen.print(terminal.render(shown, screen.width))
    if output:
        _write(shown, output)
        screen.print(f"\nwritten: {output}")


def _attributed(file: Path, settings: Settings) -> Result:
    """The attribution, with a bar that says which step it is at."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from attribution.engine import attribute as attributed

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    screen = Console(file=sys.stderr)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("reading", total=1)
        return attributed(
            file, settings, lambda step, done, of: bar.update(task, description=step, completed=done, total=of or 1)
        )


def _write(shown: Sheet, output: Path) -> None:
    from serving.comparison import page, table

    if output.suffix.lower() == ".html":
        page.write(shown, output)
    else:
        table.write(shown.result, output)
