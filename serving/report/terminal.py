"""The scorecard in the terminal: the cards of the page, a table per dashboard, decisions where they are called for.

Columns give way as the terminal narrows, the least needed first, so that nothing is ever cut into pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from serving.release import Release
from serving.report import contents, data, drawing, wording
from serving.report.cards import Card, card
from serving.report.contents import Report

# Shape and word carry the status; the colour only repeats it.
MARKS = {"on_track": ("●", "green"), "at_risk": ("▲", "yellow"), "off_track": ("◆", "red"), "no_target": ("○", "dim")}
TONES = {"good": "green", "bad": "red", "flat": "dim"}
# Cadences as the commands name them.
CADENCES = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
SPARK_PERIODS = 13
STATUS_WIDTH = 11


@dataclass(frozen=True)
class Column:
    """A column of the dashboards; those of higher `rank` give way first."""

    heading: str
    rank: int
    cell: Callable[[Card], Text]
    right: bool = False


COLUMNS = (
    Column("", 0, lambda one: _status(one)),
    Column("KPI", 0, lambda one: Text(one.kpi.label)),
    Column(
        "Value", 0, lambda one: Text(one.value, style="bold") if one.is_known else Text("n/a", style="dim"), right=True
    ),
    Column("Target", 1, lambda one: Text(one.target or "–", style="" if one.target else "dim"), right=True),
    Column("vs previous", 3, lambda one: _change(one.previous)),
    Column("vs last year", 5, lambda one: _change(one.year_ago)),
    Column("Trend", 4, lambda one: Text(drawing.blocks(one.values[-SPARK_PERIODS:]))),
    Column("Period", 2, lambda one: Text(one.short_period + (" prov." if one.provisional else ""), style="dim")),
    Column("Owner", 6, lambda one: Text(one.kpi.owner, style="dim")),
    Column("En français", 7, lambda one: Text(one.kpi.label_fr, style="dim")),
)


@dataclass(frozen=True)
class Scorecard:
    """A release's scorecard at one cadence; `rich` prints it in the width there is."""

    report: Report
    cadence: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield _header(self.report, self.cadence)
        for reading in self.report.north_stars(self.cadence):
            yield _north_star(card(reading))
        dashboards = [
            (name, [card(reading) for reading in self.report.dashboard(name, self.cadence)])
            for name in contents.DASHBOARDS
        ]
        cards = [one for _, shown in dashboards for one in shown]
        columns = _fitting(cards, options.max_width)
        for name, shown in dashboards:
            if shown:
                yield Text(f"\n{wording.title(name)}", style="bold underline")
                yield from _dashboard(shown, columns)
        yield _footer(self.report, self.cadence)


def render(release: Release, cadence: str = "month") -> Scorecard:
    """The scorecard of a release, for `rich` to print; takes `month` as well as `monthly`."""
    return Scorecard(data.read(release), CADENCES.get(cadence, cadence))


def _header(report: Report, cadence: str) -> Text:
    through = report.release.data_through
    return Text.assemble(
        ("KPI scorecard", "bold"),
        f", {wording.ADJECTIVES[cadence]}, data through ",
        (f"{through:%a} {wording.day(through)}" if through else "no day yet", "bold"),
        (f"\nRelease {report.release.id}, {len(report.release.manifest['gates'])} gates passed", "dim"),
    )


def _north_star(star: Card) -> Panel:
    text = Text.assemble(
        (star.kpi.label, "bold"),
        (f"  {star.kpi.label_fr}\n", "dim"),
        (star.value, "bold"),
        f" in {star.period}  ",
        _status(star),
        f"  target {star.target}  " if star.target else "  ",
        _change(star.previous),
        f" vs {star.previous_period}  " if star.previous else "  ",
        drawing.blocks(star.values[-SPARK_PERIODS:]),
    )
    return Panel(text, title="North Star", title_align="left", border_style="cyan", padding=(0, 1), expand=False)


def _fitting(cards: list[Card], width: int) -> list[tuple[Column, int]]:
    """The columns that fit, in order, each as wide as its widest cell: all dashboards line up."""
    wide = {
        column: max([len(column.heading), *(column.cell(one).cell_len for one in cards)], default=0)
        for column in COLUMNS
    }
    kept = sorted(COLUMNS, key=lambda column: column.rank)
    while sum(wide[column] + 2 for column in kept) > width and kept[-1].rank > 0:
        kept.pop()
    return [(column, wide[column]) for column in COLUMNS if column in kept]


def _dashboard(cards: list[Card], columns: list[tuple[Column, int]]) -> Iterator[RenderableType]:
    table = _table(columns, header=True)
    for one in cards:
        table.add_row(*(column.cell(one) for column, _ in columns))
        note = _note(one)
        if note:
            # A table has no cell across its columns: it pauses, the note takes the whole line, and it goes on.
            yield table
            yield Padding(note, (0, 0, 0, STATUS_WIDTH + 2))
            table = _table(columns, header=False)
    if table.row_count:
        yield table


def _note(one: Card) -> Text:
    """Why there is no number, and the decision a red or orange one calls for."""
    note = Text(no_wrap=False, overflow="fold")  # wraps also where the console leaves long lines alone
    if not one.is_known:
        note.append(one.value, "dim")
    if one.calls_for_decision:
        note.append("→ ", MARKS[one.status][1]).append(one.kpi.decision).append(f" ({one.kpi.owner})", "dim")
    return note


def _table(columns: list[tuple[Column, int]], *, header: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=header, header_style="dim", pad_edge=False)
    for column, width in columns:
        table.add_column(column.heading, width=width, justify="right" if column.right else "left")
    return table


def _status(one: Card) -> Text:
    mark, colour = MARKS.get(one.status, MARKS["no_target"])
    return Text(f"{mark} {one.status_text}", style=colour)


def _change(moved: wording.Change | None) -> Text:
    return Text(f"{moved.arrow} {moved.text}", style=TONES[moved.tone]) if moved else Text("–", style="dim")


def _footer(report: Report, cadence: str) -> Text:
    number = len(report.decisions(cadence))
    return Text(f"\n{number} {'decision' if number == 1 else 'decisions'} to take.", style="bold")
