"""`kpilote sandbox` (or `python -m sandbox`): serve the imaginary company on 127.0.0.1.

Which company it is stands in `$KPILOTE_HOME/sandbox/world.json` from the first time on, so that tomorrow's is the same
one, a day older. Options for another company need another KPILOTE_HOME.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import click

from sandbox.move import Move
from sandbox.server import PORT, serve
from sandbox.state import today
from sandbox.world import World

SEED = 7
YEARS = 2


@click.command()
@click.option("--port", default=PORT, show_default=True, help="Port on 127.0.0.1.")
@click.option("--scale", type=click.FloatRange(min=0.001), help="Size of the company; 1 is 20,000 contacts.")
@click.option("--seed", type=int, help="Another seed is another company.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day of its history.")
@click.option(
    "--moved", type=click.DateTime(["%Y-%m-%d"]), help="Day it moved from HubSpot to Pipedrive (docs/migrating-crm.md)."
)
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Stay at 00:00 of this day instead of the calendar's.")
def main(
    port: int,
    scale: float | None,
    seed: int | None,
    start: dt.datetime | None,
    moved: dt.datetime | None,
    until: dt.datetime | None,
) -> None:
    """Serve the imaginary company over its vendors' HTTP APIs, until interrupted."""
    home = Path(os.environ.get("KPILOTE_HOME") or "data").absolute()
    wanted = {"seed": seed, "scale": scale, "start": start.date().isoformat() if start else None}
    world = company(home, wanted)
    move = Move(moved.date(), "hubspot", "pipedrive") if moved else None
    try:
        serve(world, home, port=port, until=until.date() if until else None, moved=move, log=click.echo)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None


def company(home: Path, wanted: dict[str, int | float | str | None]) -> World:
    """The company of this home, founded now if there is none.

    Raises click.UsageError when another company is asked for than the one that lives here.
    """
    register = home / "sandbox" / "world.json"
    if register.exists():
        known = json.loads(register.read_text(encoding="utf-8"))
        other = [name for name, value in wanted.items() if value is not None and value != known[name]]
        if other:
            raise click.UsageError(
                f"{register} holds a company with {other[0]} {known[other[0]]}; set another KPILOTE_HOME for one with "
                f"{other[0]} {wanted[other[0]]}"
            )
    else:
        known = {"seed": SEED, "scale": 1.0, "start": os.environ.get("KPILOTE_START_DATE") or _founded()}
        known |= {name: value for name, value in wanted.items() if value is not None}
        register.parent.mkdir(parents=True, exist_ok=True)
        register.write_text(json.dumps(known) + "\n", encoding="utf-8")
    return World(seed=known["seed"], start=dt.date.fromisoformat(known["start"]), scale=known["scale"])


def _founded() -> str:
    """First of this month, two years ago."""
    now = today()
    return now.replace(year=now.year - YEARS, day=1).isoformat()


if __name__ == "__main__":
    main()
