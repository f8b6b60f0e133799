"""Tables of channels by models with a bar in every cell: what scorecard, comparison and attribution page share.

Flow: numbers by row and column → `table` → `template/heat.html.j2`. Here numbers become texts and widths; which numbers
belongs to each page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Written = Callable[[float], str]


@dataclass(frozen=True)
class Cell:
    """A number in words; `width` is its share of the table's largest, in percent. No text: there is no number."""

    text: str | None
    width: float = 0.0
    margin: str = ""
    is_less: bool = False


@dataclass(frozen=True)
class Row:
    name: str
    is_rest: bool
    cells: tuple[Cell, ...]
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One measure. `id` names its switch; `more` are columns of plain text after those with bars."""

    id: str
    label: str
    heads: tuple[str, ...]
    more: tuple[str, ...]
    rows: tuple[Row, ...]
    totals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """A row before it has words: its numbers, half the widths of their intervals, and texts to stand beside them."""

    name: str
    values: Sequence[float | None]
    margins: Sequence[float | None] = ()
    more: Sequence[str] = ()
    is_rest: bool = False


@dataclass(frozen=True)
class Measure:
    """How a table's numbers are written. `ranged`: a column more tells the least and the most of each row."""

    id: str
    label: str
    written: Written
    ranged: bool = True
    more: Sequence[str] = ()
    totals: Sequence[str] = ()


def table(measure: Measure, heads: Sequence[str], rows: Sequence[Numbers]) -> Table:
    """The table of a measure; bars are shares of its largest number."""
    largest = max((abs(value) for row in rows for value in row.values if value is not None), default=0) or 1
    return Table(
        measure.id,
        measure.label,
        tuple(heads),
        (*(("Range",) if measure.ranged else ()), *measure.more),
        tuple(_row(measure, row, largest) for row in rows),
        tuple(measure.totals),
    )


def _row(measure: Measure, row: Numbers, largest: float) -> Row:
    margins = row.margins or [None] * len(row.values)
    cells = tuple(
        Cell(None)
        if value is None
        else Cell(
            measure.written(value),
            100 * abs(value) / largest,
            "" if margin is None else f"±{margin:,.0f}",
            value < 0,
        )
        for value, margin in zip(row.values, margins, strict=True)
    )
    known = [value for value in row.values if value is not None]
    ends = f"{measure.written(min(known))} – {measure.written(max(known))}" if known else ""
    return Row(row.name, row.is_rest, cells, (*((ends,) if measure.ranged else ()), *row.more))
