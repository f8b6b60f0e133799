"""CSV cells: what a spreadsheet would run is text, everything else is what it was."""

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestion.formulas import csv_text, harmless

SIGNS = "=+-@\t\r\n＝＋－＠"
RISKY = st.builds(lambda blanks, sign, rest: blanks + sign + rest, st.text(" \ufeff\u200b\x00", max_size=3),
                  st.sampled_from(SIGNS), st.text())  # fmt: skip
NUMBERS = (
    st.integers() | st.floats(allow_nan=False) | st.decimals(allow_nan=False) | st.dates() | st.booleans() | st.none()
)


@given(st.lists(st.lists(st.text() | RISKY | NUMBERS, min_size=1, max_size=5), max_size=5))
@example([["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-2+3", "\t=1", "\r=1", " =1", -5, Decimal("-0.5")]])
def test_no_cell_runs_and_every_number_stays(rows: list[list[Any]]) -> None:
    back = list(csv.reader(io.StringIO(csv_text(rows), newline="")))
    assert len(back) == len(rows)
    for row, read in zip(rows, back, strict=True):
        for value, cell in zip(row, read, strict=True):
            if isinstance(value, str):
                assert cell in (value, f"'{value}")
                assert not cell.lstrip(" \ufeff\u200b\x00").startswith(tuple(SIGNS))
            else:
                assert cell == ("" if value is None else str(value))


@given(RISKY)
def test_what_would_run_stands_behind_an_apostrophe(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["brand = search", "a@b", "été", "", "1-2", -3, -0.5, Decimal("-1"), dt.date(2026, 1, 1)]
)
def test_harmless_values_stay(value: Any) -> None:
    assert harmless(value) == value
