"""The rules by which two cells are equal: what passes, and that what must fail does."""

import pandas as pd
import pytest

from tests.verify.compare import KEY, compare


def _frame(*cells: tuple[str, float | None, float | None, float | None]) -> pd.DataFrame:
    """Cells of one KPI by month: (dimension value, value, numerator, denominator)."""
    rows = [("k", "month", "channel", pd.Timestamp("2026-01-01"), name, *rest) for name, *rest in cells]
    return pd.DataFrame(rows, columns=[*KEY, "value", "numerator", "denominator"])


@pytest.mark.parametrize(
    ("additivity", "ours", "theirs"),
    [
        ("additive", ("a", 3.0, None, None), ("a", 3.0, None, None)),
        ("additive", ("a", 0.0, None, None), ("a", None, None, None)),
        ("ratio_of_sums", ("a", 1 / 3, 1.0, 3.0), ("a", 1 / 3 + 1e-11, 1.0, 3.0)),
        ("ratio_of_sums", ("a", 0.0, 0.0, 3.0), ("a", None, None, 3.0)),
        ("ratio_of_sums", ("a", None, 5.0, 0.0), ("a", None, 5.0, None)),
        ("distribution", ("a", None, None, None), ("a", None, None, None)),
    ],
)
def test_equal_cells_pass(additivity: str, ours: tuple, theirs: tuple) -> None:
    assert compare("k", "engine", additivity, _frame(ours), _frame(theirs)).passed


@pytest.mark.parametrize(
    ("additivity", "ours", "theirs", "rule"),
    [
        ("additive", [("a", 3.0, None, None)], [("a", 3.01, None, None)], "differs"),
        ("additive", [("a", 3.0, None, None)], [("b", 3.0, None, None)], "extra"),
        ("additive", [], [("a", 1.0, None, None)], "missing"),
        ("ratio_of_sums", [("a", 0.5, 1.0, 2.0)], [("a", 0.5, 2.0, 4.0)], "differs"),
        ("ratio_of_sums", [("a", 0.5, 1.0, 2.0)], [("a", 0.5001, 1.0, 2.0)], "differs"),
        ("ratio_of_sums", [("a", 0.5, 1.0, 2.0)], [("a", None, None, 2.0)], "differs"),
        ("ratio_of_sums", [("a", None, 1.0, 0.0)], [("a", 0.5, 1.0, 2.0)], "differs"),
        ("distribution", [], [("a", 9.0, None, None)], "missing"),
        ("distribution", [("a", 9.0, None, None)], [], "extra"),
    ],
)
def test_other_cells_fail(additivity: str, ours: list, theirs: list, rule: str) -> None:
    found = compare("k", "engine", additivity, _frame(*ours), _frame(*theirs))
    assert not found.passed
    assert rule in set(found.differences["rule"])


def test_nothing_compared_is_no_pass() -> None:
    assert not compare("k", "engine", "additive", _frame(), _frame()).passed
