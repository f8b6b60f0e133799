"""The comparison in a terminal: channels by models, as many models beside each other as the terminal is wide."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from serving.comparison.sheet import Column, Figure, Sheet, named, written

COLUMN_WIDTH = 14  # a number with its margin, and the space beside it
LEAST_NAME_WIDTH = 14
MOST_ROWS = 200  # of which people read some; what is written by --output has all


def render(sheet: Sheet, width: int) -> RenderableType:
    """Totals, conversions and value by channel and model, and the reading of both."""
    totals = sheet.result.totals
    about = (
        f"{sheet.source}: {totals.conversions:,} conversions worth {totals.value:,}, "
        f"{totals.touches:,} {'rows' if sheet.result.form == 'touches' else 'touches'}"
        + (f", {totals.paths:,} distinct paths, {totals.nulls:,} without a conversion" if totals.paths else "")
    )
    reading = [Text(sentence) for sentence in sheet.reading]
    return Group(
        Text(about, style="bold"),
        *_tables(sheet, "conversions", width),
        *_tables(sheet, "value", width),
        Text(),
        *reading,
    )


def _tables(sheet: Sheet, measure: str, width: int) -> Iterator[Table]:
    """One table, or several below each other where the terminal is narrow."""
    columns = [
        column
        for column in sheet.columns
        if any(_amount(each, measure) is not None for each in column.figures.values())
    ]
    beside = max(1, (width - LEAST_NAME_WIDTH) // COLUMN_WIDTH)
    for start in range(0, len(columns), beside):
        yield _table(sheet, measure, columns[start : start + beside])


def _table(sheet: Sheet, measure: str, columns: list[Column]) -> Table:
    table = Table(title=f"\n{measure.capitalize()}", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("Channel", no_wrap=False)
    for column in columns:
        table.add_column(column.label, justify="right")
    for unit in sheet.units[:MOST_ROWS]:
        cells = [_cell(column.figures.get(unit), measure) for column in columns]
        table.add_row(Text(named(unit, by_campaign=sheet.by_campaign)), *cells)
    if len(sheet.units) > MOST_ROWS:
        table.add_row(f"… {len(sheet.units) - MOST_ROWS:,} more", *("…" for _ in columns))
    sums = [sum(_amount(each, measure) or 0.0 for each in column.figures.values()) for column in columns]
    table.add_row("Total", *(written(amount, measure) for amount in sums), style="bold")
    return table


def _cell(figure: Figure | None, measure: str) -> str:
    amount = _amount(figure, measure) if figure else None
    if figure is None or amount is None:
        return "–"
    margin = f" ±{figure.margin:,.0f}" if measure == "conversions" and figure.margin is not None else ""
    return written(amount, measure) + margin


def _amount(figure: Figure, measure: str) -> float | None:
    return figure.conversions if measure == "conversions" else figure.value
