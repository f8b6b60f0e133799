"""`python -m expectations raw|unified|marts [table …]`: run one gate and show what failed. Exit 1 when it stops."""

import argparse
import atexit
import os
import sys

from rich.console import Console
from rich.table import Table

from expectations import gate
from expectations.model import GATES
from expectations.results import GateResult
from ingestion.errors import KpiloteError
from ingestion.settings import settings


def main() -> int:
    """Run the gate named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m expectations", description=__doc__)
    parser.add_argument("gate", choices=GATES)
    parser.add_argument("tables", nargs="*", help="judge only these tables, e.g. hubspot.deals or kpi_values")
    chosen = parser.parse_args()
    console = Console()
    try:
        result = gate.run(chosen.gate, settings=settings(), tables=chosen.tables or None)
    except KpiloteError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    console.print(_as_table(result))
    console.print(
        result.message(), style=None if result.passed else "red", highlight=False, markup=False, soft_wrap=True
    )
    return 0 if result.passed else 1


def _as_table(result: GateResult) -> Table:
    """One row per table judged."""
    shown = Table(title=f"gate {result.gate}")
    for heading in ("table", "expectations", "critical", "warnings"):
        shown.add_column(heading, justify="left" if heading == "table" else "right")
    for table in result.tables:
        critical = sum(each.severity == "critical" for each in table.failures)
        warnings = len(table.failures) - critical
        colour = "red" if critical else "yellow" if warnings else "green"
        shown.add_row(
            table.table,
            str(len(table.expectations)),
            str(critical or ""),
            str(warnings or ""),
            style=colour,
        )
    return shown


def _end_quietly() -> None:
    """DuckDB's bindings list sixty leaked objects at exit, which nobody can mend (duckdb 2.0.0 with GX, 2026-11-23)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    atexit.register(_end_quietly)
    sys.exit(main())
