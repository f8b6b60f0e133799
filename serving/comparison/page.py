"""The comparison as one self-contained page: no script, no request, in the scorecard's own style.

Flow: `Sheet` → `template/comparison.html.j2` → the file asked for. Jinja escapes every text (names come from exports).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from attribution.model import UNATTRIBUTED, Unit
from serving import files
from serving.comparison.sheet import Column, Sheet, named, written
from serving.report import heat, pages

HERE = Path(__file__).parent / "template"
MEASURES = (("conversions", "Conversions"), ("value", "Value"))


def write(sheet: Sheet, path: Path) -> None:
    """Write the page, in one step."""
    files.replace_with_text(render(sheet), path)


def render(sheet: Sheet) -> str:
    """The whole page."""
    return (
        pages.environment(HERE)
        .get_template("comparison.html.j2")
        .render(
            source=sheet.source,
            totals=sheet.result.totals,
            tables=[_table(sheet, measure, label) for measure, label in MEASURES],
            reading=sheet.reading,
        )
    )


def _table(sheet: Sheet, measure: str, label: str) -> heat.Table:
    words = partial(written, measure=measure)
    cells = {unit: [_cell(column, unit, measure) for column in sheet.columns] for unit in sheet.units}
    rows = [
        heat.Numbers(
            named(unit, by_campaign=sheet.by_campaign),
            [amount for amount, _ in row],
            [margin for _, margin in row],
            is_rest=unit.channel == UNATTRIBUTED,
        )
        for unit, row in cells.items()
    ]
    totals = [words(sum(row[at][0] or 0 for row in cells.values())) for at in range(len(sheet.columns))]
    return heat.table(
        heat.Measure(measure, label, words, totals=(*totals, "")), [column.label for column in sheet.columns], rows
    )


def _cell(column: Column, unit: Unit, measure: str) -> tuple[float | None, float | None]:
    figure = column.figures.get(unit)
    if figure is None:
        return None, None
    return (figure.conversions, figure.margin) if measure == "conversions" else (figure.value, None)
