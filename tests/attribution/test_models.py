"""Every model on random worlds: the naive implementation says the same, and what is credited is what there was."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from unittest.mock import patch

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import logistic, reading, tables, touches
from attribution.engine import attribute
from attribution.model import MODELS, RULES, Result, Settings, Unit
from tests.attribution import naive
from tests.attribution.naive import DAY, Conversion, Touch
from tests.attribution.worlds import CHANNELS, LOGS, PATHS, write_log, write_paths

World = tuple[list[Touch], list[Conversion]]
Counted = list[tuple[tuple[str, ...], int, int]]
EPSILON = 1e-12


def conserved(result: Result, conversions: int, value: Decimal) -> None:
    for model, credits in result.credits.items():
        assert sum(each.conversions for each in credits.values()) == conversions, model
        assert sum(each.value for each in credits.values()) == value, model


@settings(max_examples=40, deadline=None)
@given(LOGS, st.sampled_from([1, DAY, 8 * DAY]), st.booleans(), st.sampled_from([0.01, 0.5, 7.0]))
def test_rules_of_a_log_are_the_naive_ones(world: World, lookback: int, since: bool, half_life: float) -> None:
    asked = Settings(lookback_days=lookback / DAY, half_life_days=half_life, since_previous=since, bootstrap=0)
    with tempfile.TemporaryDirectory() as folder:
        result = attribute(write_log(Path(folder) / "log.csv", *world), asked)
    told: dict[str, Counter[str]] = {model: Counter() for model in RULES}
    cents: dict[str, Counter[str]] = {model: Counter() for model in RULES}
    for conversion in world[1]:
        path = naive.path(conversion, world[0], world[1], lookback, since)
        for model in RULES:
            if not path:
                told[model]["unattributed"] += 1  # type: ignore[assignment]
                cents[model]["unattributed"] += conversion.cents
                continue
            decays = model == "time_decay"
            credits = naive.decay_credits(conversion, path, half_life) if decays else naive.role_credits(model, path)
            for touch, credit, part in zip(
                path, credits, naive.shares_of_cents(conversion.cents, credits), strict=True
            ):
                told[model][touch.channel] += credit  # type: ignore[assignment]
                cents[model][touch.channel] += part
    for model in RULES:
        for unit, credit in result.credits[model].items():
            assert float(credit.conversions) == pytest.approx(float(told[model].pop(unit.channel, 0)), abs=2e-9), model
            assert credit.value * 100 == cents[model].pop(unit.channel, 0), model
        assert not any(told[model].values()) and not any(cents[model].values()), model
    conserved(result, len(world[1]), Decimal(sum(each.cents for each in world[1])) / 100)


@settings(max_examples=25, deadline=None)
@given(LOGS)
def test_the_credits_of_each_conversion_add_up_to_it(world: World) -> None:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as con:
        file = write_log(Path(folder) / "log.csv", *world)
        custom = {"first": 0.5, "lead": 0.25, "last_non_direct": 0.25}
        log, *_ = tables.log(con, reading.open_file(con, file), Settings(custom=custom))
        touches.windows(log)
        touches.touch_credits(log).create("credits")
        for model in (*RULES, "custom"):
            wrong = con.execute(
                f"select conversion from credits join conversions using (conversion) group by conversion "
                f"having abs(sum({model}_credit) - 1) > {EPSILON} or sum({model}_value) * 100 <> any_value(cents) "
                f"or min({model}_credit) < 0"
            ).fetchall()
            assert wrong == [], model


@settings(max_examples=40, deadline=None)
@given(PATHS)
def test_rules_of_counted_paths_are_the_naive_ones(paths: Counted) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = attribute(write_paths(Path(folder) / "paths.csv", paths), Settings(bootstrap=0))
    for model in naive.ROLE_WEIGHTS:
        expected: Counter[str] = Counter()
        for path, won, _ in paths:
            steps = [Touch("", 0, channel) for channel in path]
            for touch, credit in zip(steps, naive.role_credits(model, steps), strict=True):
                expected[touch.channel] += credit * won  # type: ignore[assignment]
        for unit, given_to in result.credits[model].items():
            assert float(given_to.conversions) == pytest.approx(float(expected[unit.channel]), abs=2e-9), model
    assert "times" in result.withheld["time_decay"]
    won = sum(won for _, won, _ in paths)
    conserved(result, won, Decimal(7 * won))


@settings(max_examples=40, deadline=None)
@given(PATHS, st.integers(1, 3))
def test_data_driven_models_are_the_naive_ones(paths: Counted, order: int) -> None:
    asked = Settings(bootstrap=0, minimum_conversions=0, order=order)
    with tempfile.TemporaryDirectory() as folder:
        result = attribute(write_paths(Path(folder) / "paths.csv", paths), asked)
    won = sum(won for _, won, _ in paths)
    if not won:
        assert all("conversions with a touch are fewer" in result.withheld[name] for name in ("markov", "shapley"))
        return
    channels = sorted({channel for path, won, lost in paths for channel in path if won + lost})
    rate, effects = naive.markov(paths, order)
    assert rate == Fraction(won, sum(won + lost for _, won, lost in paths))
    agrees(result, "markov", effects, won)
    agrees(result, "shapley", naive.shapley(channels, lambda some: Fraction(naive.inside(paths, some)[0])), won)

    def worth(coalition: frozenset[str]) -> Fraction:
        won, journeys = naive.inside(paths, coalition)
        return Fraction(won, journeys) if journeys else Fraction(0)

    values = naive.shapley(channels, worth)
    assert sum(values.values()) == rate
    assert any(note.startswith("shapley_rate: paths convert worse") for note in result.notes) == any(
        value < 0 for value in values.values()
    )
    agrees(result, "shapley_rate", {channel: max(value, Fraction(0)) for channel, value in values.items()}, won)
    conserved(result, won, Decimal(7 * won))


@settings(max_examples=60, deadline=None)
@given(PATHS)
def test_the_regression_is_at_its_only_maximum(paths: Counted) -> None:
    """Its slopes are those of plain loops, and 0; the credit is what plain loops say is lost without each channel."""
    won, lost = (sum(path[which] for path in paths) for which in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        file = write_paths(Path(folder) / "paths.csv", paths)
        result = attribute(file, Settings(models=("logistic",), bootstrap=0, minimum_conversions=0))
    if not won or not lost:
        assert "known" in result.withheld["logistic"] if won else "fewer" in result.withheld["logistic"]
        return
    channels = sorted({channel for path, _, _ in paths for channel in path})
    members = np.array([[channel in path for channel in channels] for path, _, _ in paths])
    counts = (np.array([path[which] for path in paths], dtype=np.float64) for which in (1, 2))
    odds = dict(zip(["", *channels], logistic.fitted(members, *counts).tolist(), strict=True))
    slopes, gone = naive.regression(paths, odds, logistic.SPREAD)
    assert max(map(abs, slopes.values())) < 1e-8 * (won + lost)
    kept = {channel: max(value, 0.0) for channel, value in gone.items()}
    if "logistic" in result.withheld:
        assert sum(kept.values()) < 1e-6
    else:
        agrees(result, "logistic", kept, won)
        conserved(result, won, Decimal(7 * won))


def agrees(result: Result, model: str, values: Mapping[str, Fraction | float], won: int) -> None:
    for channel, value in values.items():
        expected = float(value) / float(sum(values.values())) * won
        assert float(result.credits[model][Unit(channel)].conversions) == pytest.approx(expected, abs=1e-6), (
            model,
            channel,
        )


@settings(max_examples=25, deadline=None)
@given(LOGS, st.booleans(), st.sampled_from((5, touches.ROWS_AT_A_TIME)))
def test_a_log_has_the_paths_of_its_journeys(world: World, since: bool, at_a_time: int) -> None:
    """Data-driven models of a log are those of its paths, counted by hand: of conversions, and of what led to none."""
    found: Counter[tuple[tuple[str, ...], bool]] = Counter()
    for conversion in world[1]:
        path = naive.path(conversion, *world, 8 * DAY, since)
        found[tuple(touch.channel for touch in path), True] += 1
    for person in {touch.person for touch in world[0]}:
        after = max((each.at for each in world[1] if each.person == person), default=-1)
        rest = [touch for touch in world[0] if touch.person == person and touch.at > after]
        if rest:
            end = Conversion(person, max(touch.at for touch in rest), 0)
            path = naive.path(end, rest, [], 8 * DAY, False)
            found[tuple(touch.channel for touch in path), False] += 1
    paths = [(path, count * won, count * (not won)) for (path, won), count in found.items() if path]
    asked = Settings(bootstrap=0, minimum_conversions=0, lookback_days=8, since_previous=since)
    with tempfile.TemporaryDirectory() as folder, patch.object(touches, "ROWS_AT_A_TIME", at_a_time):
        result = attribute(write_log(Path(folder) / "log.csv", *world), asked)
    assert result.totals.nulls == sum(lost for _, _, lost in paths)
    won = sum(won for _, won, _ in paths)
    if won:
        agrees(result, "markov", naive.markov(paths, 1)[1], won)


@pytest.mark.parametrize("length", [1, 2, 1000])
def test_paths_of_any_length(tmp_path: Path, length: int) -> None:
    steps = [Touch("x", at, CHANNELS[at % 3]) for at in range(length)]
    log = attribute(
        write_log(tmp_path / "log.csv", steps, [Conversion("x", 2000, 100)] * 3), Settings(minimum_conversions=0)
    )
    conserved(log, 3, Decimal(3))
    assert set(log.credits) == set(MODELS) - {"logistic"}
    assert "no journey without a conversion is known" in log.withheld["logistic"]
    path = attribute(
        write_paths(tmp_path / "paths.csv", [(tuple("abc"[at % 3] for at in range(length)), 3, 1)]),
        Settings(minimum_conversions=0),
    )
    conserved(path, 3, Decimal(21))
    assert path.totals.touches == 4 * length
