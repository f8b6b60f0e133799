"""The comparison as one self-contained page: no script, no request, in the scorecard's own style.

Flow: `Sheet` → `template/comparison.html.j2` → the file asked for. Jinja escapes every text (names come from exports).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from attribution.model import UNATTRIBUTED, Unit
from serving import files, report
from serving.comparison.sheet import Column, Sheet, named, written

HERE = Path(__file__).parent / "template"
STYLE = Path(report.__file__).parent / "template"
MEASURES = (("conversions", "Conversions"), ("value", "Value"))


def write(sheet: Sheet, path: Path) -> None:
    """Write the page, in one step."""
    files.replace_with_text(render(sheet), path)


def render(sheet: Sheet) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader([HERE, STYLE]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(written=written)
    tables = [{"measure": measure, "label": label, **_table(sheet, measure)} for measure, label in MEASURES]
    return environment.get_template("comparison.html.j2").render(
        source=sheet.source,
        totals=sheet.result.totals,
        labels=[column.label for column in sheet.columns],
        tables=tables,
        reading=sheet.reading,
    )


def _table(sheet: Sheet, measure: str) -> dict[str, Any]:
    """Rows of (amount, margin, bar): each bar is the share of the largest amount in the table."""
    cells = {unit: [_cell(column, unit, measure) for column in sheet.columns] for unit in sheet.units}
    largest = max((abs(amount) for row in cells.values() for amount, _ in row if amount is not None), default=0) or 1
    rows = []
    for unit, row in cells.items():
        known = [amount for amount, _ in row if amount is not None]
        rows.append(
            {
                "name": named(unit, by_campaign=sheet.by_campaign),
                "is_rest": unit.channel == UNATTRIBUTED,
                "cells": [(amount, margin, 100 * abs(amount or 0) / largest) for amount, margin in row],
                "range": (min(known), max(known)) if known else None,
            }
        )
    return {
        "rows": rows,
        "totals": [sum(row[at][0] or 0 for row in cells.values()) for at in range(len(sheet.columns))],
    }


def _cell(column: Column, unit: Unit, measure: str) -> tuple[float | None, float | None]:
    figure = column.figures.get(unit)
    if figure is None:
        return None, None
    return (figure.conversions, figure.margin) if measure == "conversions" else (figure.value, None)
