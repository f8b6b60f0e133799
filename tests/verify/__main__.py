"""`make verify-kpis`: every KPI cell computed a second time, by MetricFlow and by the sandbox's ledger, and compared.

MetricFlow reads the same YAML, so it catches what the compiler makes of it; the ledger knows the company, so it catches
what the YAML says wrongly. Where there is no ledger (a company's own accounts), KPIs that MetricFlow cannot express are
listed as unchecked with the reason.

Exit codes: 0 all cells agree, 1 some differ, 2 there is nothing to verify.
"""

import sys
import time

import pandas as pd
from rich.console import Console
from rich.table import Table

from ingestion.settings import settings
from tests.verify.compare import Comparison, compare
from tests.verify.semantic import SemanticLayer
from tests.verify.truth import Ledger, ledger_of
from tests.verify.truth import cells as ledger_cells
from tests.verify.warehouse import Kpi, Warehouse

SHOWN_DIFFERENCES = 5
METRICFLOW, LEDGER = "MetricFlow", "ledger"


def by_metricflow(warehouse: Warehouse, kpis: list[Kpi]) -> list[Comparison]:
    """Compare the KPIs MetricFlow can express."""
    frames = [frame for frame in SemanticLayer(warehouse).cells(kpis) if not frame.empty]
    theirs = pd.concat(frames, ignore_index=True)
    return [
        compare(kpi.name, METRICFLOW, kpi.additivity, warehouse.cells(kpi.name), theirs[theirs["kpi"] == kpi.name])
        for kpi in kpis
    ]


def by_ledger(warehouse: Warehouse, kpis: list[Kpi], ledger: Ledger) -> list[Comparison]:
    """Compare KPIs with what the imaginary company knows about itself."""
    return [
        compare(
            kpi.name,
            LEDGER,
            kpi.additivity,
            warehouse.cells(kpi.name),
            pd.concat(ledger_cells(ledger, kpi), ignore_index=True),
        )
        for kpi in kpis
    ]


def verify(warehouse: Warehouse, ledger: Ledger | None) -> list[Comparison]:
    """Every KPI by every engine that can compute it."""
    kpis = list(warehouse.kpis().values())
    found = by_metricflow(warehouse, [kpi for kpi in kpis if not kpi.not_in_metricflow])
    return found if ledger is None else [*found, *by_ledger(warehouse, kpis, ledger)]


def render(kpis: dict[str, Kpi], found: list[Comparison], console: Console) -> None:
    """One row per KPI, then the first differences of each comparison that failed."""
    table = Table(title="KPI cells computed twice", title_justify="left")
    table.add_column("KPI")
    for engine in (METRICFLOW, LEDGER):
        table.add_column(f"{engine}: cells", justify="right")
        table.add_column("differ", justify="right")
    table.add_column("not in MetricFlow, because of", overflow="fold")
    by_key = {(comparison.kpi, comparison.engine): comparison for comparison in found}
    for name, kpi in kpis.items():
        row = [name]
        for engine in (METRICFLOW, LEDGER):
            comparison = by_key.get((name, engine))
            if comparison is None:
                row += ["–", "–"]
                continue
            colour = "green" if comparison.passed else "red"
            row += [f"{comparison.cells:,}", f"[{colour}]{len(comparison.differences):,}[/]"]
        table.add_row(*row, kpi.not_in_metricflow or "")
    console.print(table)
    for comparison in found:
        for row in comparison.differences.head(SHOWN_DIFFERENCES).itertuples(index=False):
            console.print(
                f"[red]{row.kpi}[/] {row.cadence} {row.period_start:%Y-%m-%d} {row.dimension}={row.dimension_value}: "
                f"kpi_values {row.ours}, {comparison.engine} {row.theirs} ({row.rule})",
                highlight=False,
            )


def report(kpis: dict[str, Kpi], found: list[Comparison], seconds: float, console: Console) -> int:
    """Print everything; the exit code."""
    render(kpis, found, console)
    failed = sorted({comparison.kpi for comparison in found if not comparison.passed})
    unchecked = sorted(set(kpis) - {comparison.kpi for comparison in found})
    cells = sum(comparison.cells for comparison in found)
    console.print(
        f"{cells:,} comparisons of cells of {len(kpis)} KPIs in {seconds:.0f} s: "
        + (f"[red]{len(failed)} KPIs differ: {', '.join(failed)}[/]" if failed else "[green]all equal[/]")
        + (f"; unchecked (no sandbox, no ledger): {', '.join(unchecked)}" if unchecked else "")
    )
    if any(comparison.engine == LEDGER and not comparison.passed for comparison in found):
        console.print("The ledger is today's sandbox/world: after a change there, fill a new home.")
    return 1 if failed else 0


def main() -> int:
    console = Console()
    manifest = settings().dbt_target_dir / "semantic_manifest.json"
    if not settings().warehouse_path.exists() or not manifest.exists():
        console.print(f"[red]No warehouse under {settings().home}[/]: run `make demo` (or `kpilote refresh`) first.")
        return 2
    started = time.perf_counter()
    warehouse = Warehouse(settings().warehouse_path, manifest.read_text())
    try:
        with console.status("Computing every cell again (a minute or so) …"):
            found = verify(warehouse, ledger_of(settings().home, warehouse.data_through()))
        return report(warehouse.kpis(), found, time.perf_counter() - started, console)
    finally:
        warehouse.close()


if __name__ == "__main__":
    sys.exit(main())
