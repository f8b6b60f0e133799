"""`kpilote explain` in the terminal: one KPI cell, its history, the rows it counts and the files these come from."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from serving.ledger.explain import Explanation, Said

SHOWN_FILES = 2
COLUMNS = ("Published (UTC)", "Release", "Was", "Became", "Cause")


def render(told: Explanation) -> RenderableType:
    """The explanation from the number down to the lake's files; of a KPI without a definition its past."""
    if not told.catalogue:
        return Group(*_past(told), Text(), _history(told))
    return Group(*_head(told), Text(), _history(told), Text(), _inputs(told), Text(), _lake(told))


def _head(told: Explanation) -> Iterator[RenderableType]:
    catalogue, cell = told.catalogue, told.cell
    yield Text(f"{catalogue['label_en']}  ", style="bold").append(catalogue["label_fr"] or "", style="dim italic")
    if not cell:
        yield Text("This cell is no longer published: see when and why it went below.", style="yellow")
    else:
        cut = "" if cell["dimension"] == "total" else f", {cell['dimension']} {cell['dimension_value']}"
        shown = _value(told, cell["value"]) if cell["value"] is not None else f"none ({cell['null_reason']})"
        ratio = (
            f"  = {cell['numerator']:,.10g} / {cell['denominator']:,.10g}" if cell["denominator"] is not None else ""
        )
        line = Text(f"{cell['cadence']} {cell['period_start']} to {cell['period_end']}{cut}: ").append(shown, "bold")
        yield line.append(f"{ratio}  {cell['period_status']}, data through {cell['data_through']}", "dim")
    yield Text(f"{catalogue['formula']}  [definition {catalogue['definition_version']}]", style="dim")


def _past(told: Explanation) -> Iterator[RenderableType]:
    yield Text(told.kpi, style="bold")
    yield Text("This KPI is defined no more: it was renamed or removed. What it said:", style="yellow")


def _value(told: Explanation, value: float) -> str:
    """In full: a short form would hide what changed."""
    unit = told.catalogue.get("currency") or {"days": "days"}.get(told.catalogue.get("unit", ""), "")
    return f"{value:,.10g} {unit}".strip()


def _said(told: Explanation, said: Said) -> str:
    """A value, or what it would have been divided from where there was none."""
    if said.value is not None:
        return _value(told, said.value)
    return "–" if said.denominator is None else f"{said.numerator or 0:,.10g} / {said.denominator:,.10g}"


def _history(told: Explanation) -> RenderableType:
    table = Table(*COLUMNS, title="History", title_justify="left", box=None)
    for entry in told.history:
        cause = Text(entry.cause.replace("_", " "))
        if entry.was_final:
            cause.append("  after it was final", "red")
        table.add_row(
            f"{entry.published_at:%Y-%m-%d %H:%M}",
            entry.release_id,
            _said(told, entry.old),
            _said(told, entry.new),
            cause,
        )
    return table


def _inputs(told: Explanation) -> RenderableType:
    table = Table("Input", "Rows", "Of", "Days", "What", title="Computed from", title_justify="left", box=None)
    for one in told.inputs:
        what = f"{one.aggregation} of {one.expression}" + (f" where {one.filter}" if one.filter else "")
        table.add_row(one.input_name, f"{one.rows:,}", one.fact, one.days, Text(what, style="dim"))
    return table


def _lake(told: Explanation) -> RenderableType:
    lines = Text("From the lake", style="italic")
    for one in told.lake:
        lines.append(f"\n{one.table}", "not italic").append(f"  {one.loads} load{'' if one.loads == 1 else 's'}", "dim")
        for file in one.files[:SHOWN_FILES]:
            lines.append(f"\n    {file}", "not italic dim")
        if len(one.files) > SHOWN_FILES:
            lines.append(f"\n    and {len(one.files) - SHOWN_FILES} older", "not italic dim")
    return lines
