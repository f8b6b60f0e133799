"""Published answers on the public paths, on which independent implementations agree, to a millionth."""

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from attribution import markov, reading, tables, windows
from attribution.engine import attribute
from attribution.model import Result, Settings, Unit
from tests.attribution import naive

EXPECTED = {
    "first_touch": {"alpha": 6308},
    "last_touch": {"alpha": 8447},
    "markov": {
        "alpha": 5344.9477,
        "iota": 3884.6147,
        "eta": 3340.8474,
        "beta": 2527.3522,
        "theta": 1971.9129,
        "lambda": 1282.8472,
    },
}


@pytest.fixture(scope="module")
def result(public_paths: Path) -> Result:
    return attribute(public_paths, Settings(bootstrap=0))


def test_totals_are_those_of_the_file(result: Result) -> None:
    totals = result.totals
    assert (totals.conversions, totals.value, totals.nulls) == (19_785, Decimal("74802.97"), 68_602)
    assert (totals.untouched, len(result.units)) == (0, 12)
    for model, credits in result.credits.items():
        assert sum(each.conversions for each in credits.values()) == 19_785, model
        assert sum(each.value for each in credits.values()) == Decimal("74802.97"), model


@pytest.mark.parametrize("model", EXPECTED)
def test_credits_are_the_published_ones(result: Result, model: str) -> None:
    for channel, conversions in EXPECTED[model].items():
        told = result.credits[model][Unit(channel)].conversions
        assert told == pytest.approx(Decimal(str(conversions)), abs=Decimal("0.00005")), channel  # as printed
    assert result.credits["linear"][Unit("alpha")].conversions == pytest.approx(
        Decimal("7574.72"), abs=Decimal("0.005")
    )


def test_the_chain_has_the_published_rate_and_effects(public_paths: Path) -> None:
    """Also as the warehouse solves it, of the same paths as those of a month."""
    with duckdb.connect() as con:
        found = tables.counted(con, reading.open_file(con, public_paths), Settings())
    steps = markov.steps(found.paths, 1)
    weights = steps.weights(found.paths.conversions, found.paths.nulls)
    rate, effects = markov.removal_effects(weights, steps.channel, found.paths.channels)
    assert rate == pytest.approx(19_785 / (19_785 + 68_602), abs=1e-12)
    named = dict(zip(found.channels, effects, strict=True))
    assert named["alpha"] == pytest.approx(0.5584, abs=5e-5)
    assert named["beta"] == pytest.approx(0.2640, abs=5e-5)

    month = pa.table({"conversion_type": ["lead"], "month": [dt.date(2026, 1, 1)], "digest": ["-"]})
    solved = windows.solved(month, lambda _: _packed(public_paths), None, windows.Windows(bootstrap=0)).to_pylist()
    assert {row["channel"]: row["removal_effect"] for row in solved if row["model"] == "markov"} == pytest.approx(named)


def _packed(file: Path) -> pa.Table:
    """The file as packed paths of one month."""
    with duckdb.connect() as con:
        return con.sql(
            "select 'lead' as conversion_type, date '2026-01-01' as month,"
            " to_json(string_split(path, ' > '))::varchar as path, total_conversions as conversions,"
            f" total_conversion_value::decimal(18, 2) as value, total_null as nulls from '{file}'"
        ).to_arrow_table()


def test_markov_is_that_of_the_naive_chain(public_paths: Path, result: Result) -> None:
    with public_paths.open(newline="", encoding="utf-8") as file:
        rows = [
            (tuple(row["path"].split(" > ")), int(row["total_conversions"]), int(row["total_null"]))
            for row in csv.DictReader(file)
        ]
    _, effects = naive.markov(rows, 1)
    for channel, effect in effects.items():
        expected = float(effect / sum(effects.values()) * 19_785)
        assert float(result.credits["markov"][Unit(channel)].conversions) == pytest.approx(expected, abs=1e-6), channel
