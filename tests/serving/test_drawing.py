"""Sparklines and charts: inside their box, in order, with gaps where there is nothing."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from serving.report import drawing

VALUES = st.lists(st.none() | st.floats(min_value=-1e9, max_value=1e9, allow_nan=False), max_size=60)
TARGET = st.none() | st.floats(min_value=-1e9, max_value=1e9, allow_nan=False)
POINT = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")


def points(path: str) -> list[tuple[str, float, float]]:
    return [(kind, float(x), float(y)) for kind, x, y in POINT.findall(path)]


@given(VALUES, TARGET)
def test_a_sparkline_draws_every_value_inside_its_box_and_breaks_at_gaps(
    values: list[float | None], target: float | None
) -> None:
    line = drawing.sparkline(values, 128, 34, target)
    drawn = points(line.path)

    assert len(drawn) == sum(value is not None for value in values)
    assert all(0 <= x <= 128 and 0 <= y <= 34 for _, x, y in drawn)
    assert [x for _, x, _ in drawn] == sorted(x for _, x, _ in drawn)
    runs = sum(value is not None and (i == 0 or values[i - 1] is None) for i, value in enumerate(values))
    assert sum(kind == "M" for kind, _, _ in drawn) == runs
    assert (line.last is None) == (not drawn)
    assert re.fullmatch(r"[MLh0-9. -]*", line.path), "only numbers and path commands may reach the page"
    assert line.target_y is None or 0 <= line.target_y <= 34


@given(VALUES)
def test_higher_values_are_drawn_higher(values: list[float | None]) -> None:
    known = [value for value in values if value is not None]
    heights = [y for _, _, y in points(drawing.sparkline(values, 128, 34).path)]
    for value, y in zip(known, heights, strict=True):
        for other, other_y in zip(known, heights, strict=True):
            if value > other:
                assert y <= other_y


@given(VALUES, VALUES)
def test_a_chart_stays_in_percent_of_its_box_between_its_ticks(
    values: list[float | None], targets: list[float | None]
) -> None:
    chart = drawing.chart(values, targets[: len(values)])
    assert all(-0.1 <= x <= 100.1 and -0.1 <= y <= 100.1 for _, x, y in points(chart.path + chart.targets))
    assert all(0 <= y <= 100 for y, _ in chart.ticks)
    assert 2 <= len(chart.ticks) <= 8
    known = [value for value in values if value is not None]
    if known:
        slack = 1e-9 * max(1, *(abs(value) for value in known))
        assert chart.ticks[0][1] - slack <= min(known)
        assert max(known) <= chart.ticks[-1][1] + slack


def test_ticks_are_round() -> None:
    assert drawing.ticks_between(121_000, 239_000) == [100_000, 150_000, 200_000, 250_000]
    assert drawing.ticks_between(0.018, 0.027) == [0.015, 0.02, 0.025, 0.03]
    assert drawing.ticks_between(5, 5) == [2, 4, 6, 8]


def test_blocks_show_the_shape_and_the_gaps() -> None:
    assert drawing.blocks([1, 2, 3, None, 8]) == "▁▂▃·█"
    assert drawing.blocks([5, 5]) == "▅▅"
    assert drawing.blocks([]) == ""


@given(VALUES)
def test_blocks_give_one_character_per_value(values: list[float | None]) -> None:
    assert len(drawing.blocks(values)) == len(values)
