"""The demo from nothing to scorecard, then once more: wall time, peak memory, and what the second run changed.

    python -m tests.benchmarks.demo [--scale 1.0]

Memory is that of the whole process tree, shared pages counted once (PSS, Linux).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tests.orchestration.marts import contents

POLL_SECONDS = 0.25
KIB_PER_GIB = 1024**2


@click.command()
@click.option("--scale", default=1.0, show_default=True, help="Size of the company; 1.0 is 20,000 contacts.")
def main(scale: float) -> None:
    """Run the demo twice; exit code 1 where the second run changed a row or made another release."""
    table = Table("demo", "wall s", "peak GiB", "release", title=f"kpilote demo --scale {scale:g}")
    with tempfile.TemporaryDirectory(prefix="kpilote-demo-") as folder:
        home = Path(folder)
        said = []
        for name in ("empty home", "again"):
            seconds, peak = run(home, scale)
            release = (home / "releases" / "current").resolve().name
            said.append((release, contents(home)))
            table.add_row(name, f"{seconds:.0f}", f"{peak:.2f}", release)
    Console().print(table)
    first, second = said
    changed = [name for name in second[1] if second[1][name] != first[1].get(name)]
    click.echo(f"marts the second run changed: {', '.join(changed) or 'none'}")
    sys.exit(first != second)


def run(home: Path, scale: float) -> tuple[float, float]:
    """Wall seconds and peak GiB of one run."""
    environment = {**os.environ, "KPILOTE_HOME": str(home)}
    command = [str(Path(sys.executable).with_name("kpilote")), "demo", "--scale", str(scale)]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        while process.poll() is None:
            peak = max(peak, session_kib(process.pid))
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise click.ClickException(f"kpilote demo ended with {process.returncode}: see {home}/logs/kpilote.log")
    return time.perf_counter() - began, peak / KIB_PER_GIB


def session_kib(session: int) -> int:
    """Memory of all processes of a session."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(process.name)) == session:
                rollup = (process / "smaps_rollup").read_text(encoding="ascii").splitlines()
                total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue  # it ended meanwhile
    return total


if __name__ == "__main__":
    main()
