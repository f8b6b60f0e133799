"""Small pictures of a series: SVG path geometry for the page, block characters for the terminal, and both in words.

Only numbers leave this module, so what it returns can stand in a page unescaped. Gaps stay gaps: a period without a
value breaks the line instead of being drawn as zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = "·"


@dataclass(frozen=True)
class Line:
    """A series in a box of `width` × `height`: path data, the last point, and the height of a target if it has one."""

    path: str
    last: tuple[float, float] | None
    target_y: float | None
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A line in percent of its box, to be stretched over any width; labels are the page's. Ticks are (y, value)."""

    path: str
    area: str
    targets: str
    last: tuple[float, float] | None
    ticks: tuple[tuple[float, float], ...]


def sparkline(values: Sequence[float | None], width: float, height: float, target: float | None = None) -> Line:
    """The series scaled to its own range (and its target's), with room for the last point's dot."""
    margin = 3.0
    low, high = _range([*values, target])
    last = next(((i, v) for i, v in reversed(list(enumerate(values))) if v is not None), None)

    def place(index: int, value: float) -> tuple[float, float]:
        return _x(index, len(values), width, margin), _y(value, low, high, height, margin)

    return Line(
        path=_path(values, place),
        last=place(*last) if last else None,
        target_y=_y(target, low, high, height, margin) if target is not None and last else None,
        width=width,
        height=height,
    )


def chart(values: Sequence[float | None], targets: Sequence[float | None]) -> Chart:
    """A line over round gridlines. Its scale need not start at zero, for it is a line and its ticks are labelled."""
    low, high = _range([*values, *targets])
    ticks = ticks_between(low, high, about=4)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def place(index: int, value: float) -> tuple[float, float]:
        return _x(index, len(values), 100, 0), _y(value, low, high, 100, 2)

    known = [(index, value) for index, value in enumerate(values) if value is not None]
    path, area = _path(values, place), ""
    if len(known) > 1 and len(known) == known[-1][0] - known[0][0] + 1:
        area = f"{path}L{place(*known[-1])[0]:.1f} 100L{place(*known[0])[0]:.1f} 100Z"
    return Chart(
        path=path,
        area=area,
        targets=_path(targets, place),
        last=place(*known[-1]) if known else None,
        ticks=tuple((_y(tick, low, high, 100, 2), tick) for tick in ticks),
    )


def ticks_between(low: float, high: float, about: int = 3) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) covering the range."""
    if not high > low:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [index * step for index in range(first, last + 1)]


def blocks(values: Sequence[float | None]) -> str:
    """The series as block characters, one per value."""
    low, high = _range(values)
    return "".join(GAP if value is None else BLOCKS[_level(value, low, high)] for value in values)


def _level(value: float, low: float, high: float) -> int:
    share = 0.5 if high == low else (value - low) / (high - low)
    return min(int(share * len(BLOCKS)), len(BLOCKS) - 1)


def _range(values: Sequence[float | None]) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _x(index: int, size: int, width: float, margin: float) -> float:
    return width / 2 if size < 2 else margin + index * (width - 2 * margin) / (size - 1)


def _y(value: float, low: float, high: float, height: float, margin: float) -> float:
    # A flat series runs through the middle.
    share = 0.5 if high == low else (value - low) / (high - low)
    return height - margin - share * (height - 2 * margin)


def _path(values: Sequence[float | None], place: Callable[[int, float], tuple[float, float]]) -> str:
    parts: list[str] = []
    pen_down = False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        x, y = place(index, value)
        alone = not pen_down and (index + 1 == len(values) or values[index + 1] is None)
        # A value between two gaps is a dot: a line of no length with a round cap.
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}" + ("h0" if alone else ""))
        pen_down = True
    return "".join(parts)
