"""The attribution engine on logs of touches, beside the floor (one grouped scan) and other packages at the same work.

    python -m tests.benchmarks.attribution [--touches 1000000] [--touches 10000000] [--peers] [--budget 170]

A log has 10 channels, 40 campaigns, 4.24 touches a person on average, of whom 6 % convert at their last touch. Each
figure is of a process of its own. Peers, where they are asked for, are installed into an environment made for the run;
one that cannot be installed, or is not done within the budget, is named so. Time is from the file to the credits.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import duckdb
from rich.console import Console
from rich.table import Table

from tests.benchmarks.stages import Measured, measure

TOUCHES_PER_PERSON = 4.24
IMPORTS = ("attribution.engine", "pyarrow")
PEERS = {  # the function in peers.py: what is installed for it
    "marketing_attribution_models": ("marketing-attribution-models",),
    "channelattribution": ("ChannelAttribution", "matplotlib"),
    "mta": ("mta",),
    "do_attribution": ("do-attribution",),
}
ON_LOG = "marketing_attribution_models"
INSTALL_SECONDS = 600
MOST_COUNTED = 20_000_000  # touches; beyond, joining the paths' names would take longer than all that is measured


@click.command()
@click.option("--touches", multiple=True, type=int, default=(1_000_000, 10_000_000), show_default=True)
@click.option("--peers", is_flag=True, help="Other packages too, which takes up to half an hour more.")
@click.option("--budget", default=170, show_default=True, help="Seconds after which a peer is stopped.")
@click.option("--memory-mb", type=int, help="Of DuckDB in the engine (default: the engine's own).")
def main(touches: tuple[int, ...], peers: bool, budget: int, memory_mb: int | None) -> None:
    """CPU seconds and peak memory of attribution."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="kpilote-bench-") as name:
        folder = Path(name)
        python = _environment(folder, console) if peers else None
        for count in touches:
            log, paths = folder / f"{count}.parquet", folder / f"paths-{count}.csv"
            measure("make", {}, make, str(log), str(paths), count, imports=("duckdb",))  # its memory is not ours
            rows = _ours(log, paths, memory_mb)
            console.print(_table(f"{count:,} touches", rows))
            if python:
                for peer in PEERS if paths.exists() else (ON_LOG,):
                    console.print(_peer(python, peer, log, paths, budget, rows))
            log.unlink()


def make(log: str, paths: str, touches: int) -> int:
    """A log of touches in order of time, and (up to MOST_COUNTED) the same as counted paths."""
    with duckdb.connect() as con:
        con.execute("set memory_limit = '3GB'")
        con.execute(f"set temp_directory = '{Path(log).parent}'")
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"""
            copy (
                with people as (
                    select
                        i as person, hash(i * 3 + 2) % 100 < 6 as converts, hash(i * 5 + 3) % 100000 as cents,
                        1 + floor(-ln(1 - (hash(i * 7 + 1) % 1000000) / 1000000.0) * 3.74)::int as touches
                    from range({round(touches / TOUCHES_PER_PERSON)}) as t(i)
                ),
                touches as (
                    select person, converts, cents, touches, unnest(range(touches)) as number from people
                )
                select
                    'p' || lpad(person::varchar, 9, '0') as person,
                    make_timestamp(
                        1700000000000000 + number * 86400000000 + (hash(person * 1000 + number) % 86400000000)::bigint
                    ) as time,
                    'channel_' || (hash(person * 1000 + number + 77) % 10) as channel,
                    'campaign_' || (hash(person * 1000 + number + 99) % 40) as campaign,
                    converts and number = touches - 1 as converted,
                    (case when converts and number = touches - 1 then cents else 0 end / 100)::decimal(18, 2) as value
                from touches order by time
            ) to '{log}' (format parquet)
            """
        )
        if touches > MOST_COUNTED:
            return touches
        con.execute(
            f"""
            copy (
                with journeys as (
                    select
                        string_agg(channel, ' > ' order by time) as path, bool_or(converted) as converted,
                        sum(value) as value
                    from '{log}' group by person
                )
                select
                    path, count(*) filter (where converted) as conversions, sum(value) as value,
                    count(*) filter (where not converted) as nulls
                from journeys group by path order by path
            ) to '{paths}'
            """
        )
    return touches


def floor(log: str) -> int:
    """One grouped scan of the table, every column read."""
    with duckdb.connect() as con:
        rows = con.execute(
            "select channel, campaign, count(*), sum(value), min(time), max(person), bool_or(converted) "
            f"from '{log}' group by channel, campaign"
        ).fetchall()
    return sum(row[2] for row in rows)


def engine(file: str, models: tuple[str, ...], by_campaign: bool, bootstrap: int, memory_mb: int | None) -> int:
    """The engine as `kpilote attribute` runs it."""
    from attribution.engine import attribute
    from attribution.model import Settings

    more = {"memory_mb": memory_mb} if memory_mb else {}
    asked = Settings(models=models, by_campaign=by_campaign, bootstrap=bootstrap, minimum_conversions=1, **more)
    return attribute(Path(file), asked).totals.touches


def _ours(log: Path, paths: Path, memory_mb: int | None) -> dict[str, Measured]:
    from attribution.model import MODELS

    six = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay")
    counted = ("first_touch", "last_touch", "linear", "markov")
    asked = {
        "six rule models": (log, six, False, 0),
        "six rule models by campaign": (log, six, True, 0),
        "everything": (log, MODELS, False, 0),
        "everything, 200 replicates": (log, MODELS, False, 200),
        "logistic, 200 replicates": (log, ("logistic",), False, 200),
        "heuristics and Markov on counted paths": (paths, counted, False, 0),
        "everything on counted paths": (paths, MODELS, False, 0),
    }
    if not paths.exists():
        asked = {name: work for name, work in asked.items() if work[0] == log}
    rows = {"floor": measure("floor", {}, floor, str(log), imports=IMPORTS)}
    for name, (file, models, by_campaign, bootstrap) in asked.items():
        arguments = (str(file), models, by_campaign, bootstrap, memory_mb)
        label = name.replace("everything", f"everything ({len(MODELS)} models)")
        rows[name] = measure(label, {}, engine, *arguments, imports=IMPORTS)
    return rows


def _table(title: str, rows: dict[str, Measured]) -> Table:
    shown = Table(title=title, title_justify="left")
    shown.add_column("work")
    for column in ("CPU s", "wall s", "peak MB", "times the floor"):
        shown.add_column(column, justify="right")
    base = rows["floor"].cpu_seconds
    for row in rows.values():
        figures = (f"{row.cpu_seconds:.2f}", f"{row.wall_seconds:.2f}", f"{row.peak_mb:,.0f}")
        shown.add_row(row.name, *figures, f"{row.cpu_seconds / base:.1f}")
    return shown


def _environment(folder: Path, console: Console) -> Path:
    """An environment with every peer that can be installed; those that cannot are said."""
    home = folder / "peers"
    subprocess.run([_uv(), "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    for name, packages in PEERS.items():
        command = [_uv(), "pip", "install", "--quiet", "--python", str(home / "bin" / "python"), *packages]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
            reason = done.stderr.strip().splitlines()[0] if done.returncode else ""
        except subprocess.TimeoutExpired:
            reason = f"not within {INSTALL_SECONDS} s"
        if reason:
            console.print(f"{name} cannot be installed: {reason}")
    return home / "bin" / "python"


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def _peer(python: Path, name: str, log: Path, paths: Path, budget: int, ours: dict[str, Measured]) -> str:
    """What a peer took, and how many times our CPU seconds at the same work that is."""
    script = Path(__file__).with_name("peers.py")
    command = [str(python), str(script), name, str(log), str(paths)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=budget, check=False)
    except subprocess.TimeoutExpired:
        return f"{name}: not done within {budget} s"
    if done.returncode:
        return f"{name}: failed: {(done.stderr.strip().splitlines() or ['no word why'])[-1]}"
    figures = json.loads(done.stdout.splitlines()[-1])
    work = "everything" if name == ON_LOG else "everything on counted paths"
    work = "heuristics and Markov on counted paths" if name == "channelattribution" else work
    return (
        f"{name}: {figures['cpu']:.2f} s CPU, {figures['wall']:.2f} s wall, {figures['peak_mb']:,.0f} MB: "
        f"{figures['cpu'] / ours[work].cpu_seconds:.1f} times ours ({work})"
    )


if __name__ == "__main__":
    main()
