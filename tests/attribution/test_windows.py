"""Trailing windows: what they hold, which are solved again, and that solving again says the same to the bit."""

import datetime as dt
import json
import random
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from attribution import driven
from attribution.model import DATA_DRIVEN, AttributionError, Settings
from attribution.packed import Paths
from attribution.windows import Windows, solved

Journey = tuple[str, dt.date, tuple[str, ...], int, str, int]  # type, month, path, conversions, value, nulls
JAN, FEB, MAR, APR = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))
SETTINGS = Windows(training_months=2, minimum_conversions=10, bootstrap=20)
JOURNEYS: list[Journey] = [
    ("lead", JAN, ("direct", 'a","b'), 8, "10.10", 30),
    ("lead", JAN, ("email",), 7, "0.07", 20),
    ("lead", JAN, (), 50, "0", 0),
    ("lead", FEB, ("email", "direct", "email"), 5, "3.00", 9),
    ("lead", FEB, ("direct", 'a","b'), 1, "0.01", 2),
    ("lead", APR, ("direct",), 12, "0", 40),
    ("order", MAR, ("direct",), 3, "5.00", 1),
]


class Lake:
    """Packed paths that remember which months were asked for."""

    def __init__(self, journeys: list[Journey]) -> None:
        self.journeys, self.asked = journeys, list[list[dt.date]]()

    def months(self) -> pa.Table:
        said: dict[tuple[str, dt.date], list[str]] = {}
        for journey in sorted(self.journeys):
            said.setdefault(journey[:2], []).append(repr(journey))
        return pa.Table.from_pylist(
            [{"conversion_type": k, "month": m, "digest": "".join(each)} for (k, m), each in said.items()]
        )

    def packed(self, months: Collection[dt.date]) -> pa.Table:
        self.asked.append(list(months))
        names = ("conversion_type", "month", "path", "conversions", "value", "nulls")
        rows = [(k, m, json.dumps(p), c, Decimal(v), n) for k, m, p, c, v, n in self.journeys if m in months]
        return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])

    def solve(self, held: pa.Table | None = None, settings: Windows = SETTINGS) -> pa.Table:
        return solved(self.months(), self.packed, held, settings)


def rows(table: pa.Table, **where: Any) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in where.items())]


@pytest.mark.parametrize("model", DATA_DRIVEN)
def test_a_window_says_what_the_engine_says_of_its_paths(model: str) -> None:
    """January and February together: the path they share once, the one without a touch not at all."""
    paths = Paths(
        np.array([0, 2, 3, 6]), np.array([1, 0, 2, 2, 1, 2]),
        np.array([9.0, 7, 5]), np.array([10.11, 0.07, 3]), np.array([32.0, 20, 9]), 3,
    )  # fmt: skip
    channels = ['a","b', "direct", "email"]
    said = driven.shares(model, paths, channels, Settings(minimum_conversions=10, bootstrap=0), lambda _, __: None)
    found = rows(Lake(JOURNEYS).solve(), model=model, conversion_type="lead", month=FEB)
    assert [row["channel"] for row in found] == channels
    assert [row["share"] for row in found] == pytest.approx(said.conversions.tolist(), abs=1e-12)
    assert [row["value_share"] for row in found] == pytest.approx(said.values.tolist(), abs=1e-12)
    effects = said.removal_effects
    assert [row["removal_effect"] for row in found] == ([None] * 3 if effects is None else effects.tolist())
    assert (model == "markov") == (effects is not None)
    assert {(row["trained_from"], row["trained_conversions"], row["trained_nulls"]) for row in found} == {(JAN, 21, 61)}
    assert all(row["share_lower"] <= row["share_upper"] for row in found)
    assert any(row["share_lower"] < row["share_upper"] for row in found)


def test_what_is_withheld_says_why() -> None:
    table = Lake(JOURNEYS).solve()
    (march,) = rows(table, model="markov", conversion_type="lead", month=MAR)  # of February's six conversions
    assert march["withheld_reason"].startswith("6 conversions with a touch are fewer than 10: a model fitted to them")
    assert (march["channel"], march["share"], march["trained_conversions"]) == ("(none)", None, 6)
    (empty,) = rows(table, model="shapley", conversion_type="order", month=JAN)
    assert empty["withheld_reason"].startswith("0 conversions")
    many = [("lead", JAN, (f"c{number}",), 10, "1", 1) for number in range(21)]
    (refused,) = rows(Lake(many).solve(), model="shapley_rate")
    assert "exact up to 20" in refused["withheld_reason"]
    assert len(rows(Lake(many).solve(), model="shapley")) == 21


def test_only_windows_of_a_changed_month_are_solved() -> None:
    lake = Lake(list(JOURNEYS))
    before = lake.solve()
    assert lake.solve(before).equals(before)
    assert lake.asked == [[JAN, FEB, MAR, APR]]  # nothing was read the second time

    lake.journeys.append(("lead", MAR, ("email",), 2, "0", 0))
    after = lake.solve(before)
    assert lake.asked[1:] == [[FEB, MAR, APR]]
    assert after.equals(Lake(lake.journeys).solve())
    kept = [("lead", JAN), ("lead", FEB), *(("order", month) for month in (JAN, FEB, MAR, APR))]
    for kind, month in kept:
        assert rows(after, conversion_type=kind, month=month) == rows(before, conversion_type=kind, month=month)

    # A month that is gone takes its window along.
    gone = Lake([each for each in lake.journeys if each[1] != APR])
    assert gone.solve(after).equals(Lake(gone.journeys).solve())


@pytest.mark.parametrize(
    "other",
    [
        Windows(3, 10, 1, 20), Windows(2, 9, 1, 20), Windows(2, 10, 2, 20), Windows(2, 10, 1, 0),
    ],
)  # fmt: skip
def test_other_settings_solve_everything(other: Windows) -> None:
    lake = Lake(JOURNEYS)
    assert lake.solve(lake.solve(), other).equals(Lake(JOURNEYS).solve(settings=other))
    assert lake.asked == [[JAN, FEB, MAR, APR]] * 2


def test_what_another_version_said_is_solved_anew() -> None:
    lake = Lake(JOURNEYS)
    told = lake.solve()
    for other in (told.drop_columns(["note"]), told.append_column("more", pa.nulls(told.num_rows))):
        assert lake.solve(other).equals(told)
    assert lake.asked == [[JAN, FEB, MAR, APR]] * 3


def test_the_order_of_rows_changes_no_bit() -> None:
    shuffled = list(JOURNEYS)
    for seed in range(5):
        random.Random(seed).shuffle(shuffled)
        assert Lake(shuffled).solve().equals(Lake(JOURNEYS).solve())


def test_a_model_a_type_and_a_month_have_chances_of_their_own() -> None:
    keys = [("markov", "lead", "2026-01-01"), ("markov", "lead", "2026-02-01"), ("shapley", "lead", "2026-01-01")]
    assert len({SETTINGS.of_model(*key).seed for key in keys}) == len(keys)


@pytest.mark.parametrize(
    "wrong", [lambda: Windows(training_months=0), lambda: Windows(markov_order=0), lambda: Windows(bootstrap=-1)]
)
def test_a_setting_that_makes_no_sense_is_refused(wrong: Callable[[], Windows]) -> None:
    with pytest.raises(AttributionError):
        wrong()


def test_a_window_begins_in_another_year() -> None:
    assert Windows(12).first_month(dt.date(2026, 11, 1)) == dt.date(2025, 12, 1)
    assert Windows(12).first_month(dt.date(2026, 12, 1)) == dt.date(2026, 1, 1)
    assert Windows(25).first_month(dt.date(2026, 1, 1)) == dt.date(2024, 1, 1)
