"""`python -m expectations raw|unified|marts [table …]`: run one gate and show what failed. Exit 1 when it stops."""

import argparse
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
    """One row per table judged; the page of a table that failed stands beside it."""
    shown = Table(title=f"gate {result.gate}")
    for heading in ("table", "expectations", "critical", "warnings", "page"):
        shown.add_column(heading, justify="left" if heading in ("table", "page") else "right")
    for table in result.tables:
        critical = sum(each.severity == "critical" for each in table.failures)
        warnings = len(table.failures) - critical
        page = table.docs_url if table.failures else None
        colour = "red" if critical else "yellow" if warnings else "green"
        shown.add_row(
            table.table,
            str(len(table.expectations)),
            str(critical or ""),
            str(warnings or ""),
            f"[link={page}]open[/link]" if page else "",
            style=colour,
        )
    return shown


if __name__ == "__main__":
    sys.exit(main())
