"""The pure functions: chains and games made up to have an answer, or none, and amounts that must add up."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import bootstrap, driven, logistic, markov, shapley
from attribution.model import DATA_DRIVEN, Settings, Withheld
from attribution.packed import Coalitions, Paths, coalitions
from attribution.settling import settle

CHANNEL = np.array([0, 1])


def chain(*pairs: tuple[int, int, float]) -> np.ndarray:
    weights = np.zeros((5, 5))
    for source, target, weight in pairs:
        weights[source, target] += weight
    return weights


def test_removal_effects_of_a_chain_by_hand() -> None:
    # start → a (always), a → b or null, b → conversion or null
    weights = chain((0, 3, 4), (3, 4, 2), (3, 2, 2), (4, 1, 1), (4, 2, 1))
    rate, effects = markov.removal_effects(weights, CHANNEL, 2)
    assert rate == pytest.approx(0.25)
    assert effects == pytest.approx([1, 1])
    assert markov.shares(weights, CHANNEL, 2) == pytest.approx([0.5, 0.5])


def test_a_chain_that_never_ends_is_refused() -> None:
    with pytest.raises(Withheld, match=r"singular|no chain"):
        markov.removal_effects(chain((0, 3, 1), (0, 1, 1), (3, 4, 1), (4, 3, 1)), CHANNEL, 2)


def test_a_chain_that_never_converts_is_refused() -> None:
    with pytest.raises(Withheld, match="no path converts"):
        markov.removal_effects(chain((0, 3, 1), (3, 2, 1)), CHANNEL, 2)


def test_negative_weights_are_refused() -> None:
    with pytest.raises(Withheld, match=r"negative|no chain"):
        markov.removal_effects(chain((0, 3, 4), (0, 4, -1), (3, 1, 3), (4, 1, 2), (4, 2, 1)), CHANNEL, 2)


def test_conversions_without_any_channel_have_no_shares() -> None:
    with pytest.raises(Withheld, match="no channel"):
        markov.shares(chain((0, 1, 1), (0, 3, 1), (3, 2, 1)), CHANNEL, 2)


def test_too_many_states_are_refused() -> None:
    touches = np.random.default_rng(1).integers(0, 100, 20_000)
    paths = Paths(np.array([0, len(touches)]), touches, np.ones(1), np.ones(1), np.ones(1), 100)
    with pytest.raises(Withheld, match="lower order"):
        markov.steps(paths, 2)
    with pytest.raises(Withheld, match="more states than can be numbered"):
        markov.steps(paths, 12)


def test_rates_are_refused_beyond_the_stated_number_of_channels() -> None:
    def game(channels: int) -> Coalitions:
        return Coalitions(np.eye(channels, dtype=bool), *(np.ones(channels) for _ in range(3)))

    values = shapley.rate_values(game(shapley.MOST_CHANNELS), np.ones(20), np.ones(20))
    assert values.sum() == pytest.approx(0.5)  # what the whole converts at
    with pytest.raises(Withheld, match="21 channels"):
        shapley.rate_values(game(21), np.ones(21), np.ones(21))


@pytest.mark.parametrize("channels", [3, 62, 63, 130])
def test_coalitions_of_any_number_of_channels(channels: int) -> None:
    touches = np.array([0, channels - 1, 0, 1, 1, channels - 1, 0])
    paths = Paths(np.array([0, 3, 5, 7]), touches, np.array([1.0, 2, 4]), np.ones(3), np.ones(3), channels)
    sets = coalitions(paths)
    assert sorted(sets.conversions) == [2, 5]  # the first and the last path are of the same channels
    assert shapley.equal_split(sets, sets.conversions)[[0, 1, channels - 1]] == pytest.approx([2.5, 2, 2.5])


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.sampled_from([2, 9]))
def test_settled_amounts_add_up_and_stay_near(shares: list[float], places: int) -> None:
    total = Decimal(sum(shares)).quantize(Decimal(1).scaleb(-places))
    settled = settle(shares, total, places)
    assert sum(settled) == total
    assert all(abs(float(told) - share) <= 10.0**-places + 1e-5 for told, share in zip(settled, shares, strict=True))


def test_a_regression_settles_whatever_is_resampled() -> None:
    """At the top of the likelihood rounding makes whole steps look like steps down."""
    random = np.random.default_rng(1)
    members = random.random((120, 11)) < 0.3
    for scale in (1, 100, 1_000_000):
        for _ in range(30):
            won, lost = (random.poisson(each * scale, 120).astype(float) for each in (2, 4))
            odds = logistic.fitted(members, won, lost)
            chance = 1 / (1 + np.exp(-(odds[0] + members @ odds[1:])))
            slope = members.T @ (won - (won + lost) * chance) - odds[1:] / logistic.SPREAD**2
            assert np.abs(slope).max() < 1e-9 * (won + lost).sum()


def test_a_regression_of_one_channel_that_always_converts_has_an_answer() -> None:
    members = np.array([[True, False], [False, True]])
    odds = logistic.fitted(members, np.array([50.0, 0.0]), np.array([0.0, 50.0]))
    assert np.isfinite(odds).all() and odds[1] > 3 > -3 > odds[2]
    sets = Coalitions(members, np.array([50.0, 0.0]), np.zeros(2), np.array([0.0, 50.0]))
    found, negative = logistic.shares(sets, sets.conversions, sets.nulls)
    assert found.tolist() == [1.0, 0.0] and negative == [1]


def test_resampled_journeys_are_poisson_numbers_of_their_counts() -> None:
    """Mean and variance of 20,000 replicates lie within five standard errors of the count; none has none."""
    counts, replicates = np.array([1.0, 0, 3, 1, 250, 1]), 20_000
    drawn = bootstrap._resampled(counts, replicates, np.random.default_rng(3))
    assert drawn.shape == (6, replicates) and (drawn == drawn.round()).all() and (drawn >= 0).all()
    assert (np.abs(drawn.mean(axis=1) - counts) <= 5 * np.sqrt(counts / replicates)).all()
    errors = np.sqrt((counts + 2 * counts**2) / replicates)  # of a Poisson number's variance
    assert (np.abs(drawn.var(axis=1) - counts) <= 5 * errors).all()
    others = np.corrcoef(drawn[counts > 0])[~np.eye(5, dtype=bool)]
    assert np.abs(others).max() < 5 / np.sqrt(replicates)


@pytest.mark.parametrize("model", DATA_DRIVEN)
def test_intervals_are_the_same_however_many_replicates_are_drawn_at_once(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(5)
    lengths = random.integers(1, 5, 60)
    amounts = (random.integers(0, 4, 60).astype(float) for _ in range(3))
    paths = Paths(np.concatenate([[0], np.cumsum(lengths)]), random.integers(0, 4, lengths.sum()), *amounts, 4)
    asked = Settings(minimum_conversions=1, bootstrap=30)
    bounds = []
    for numbers in (1, 500, bootstrap.NUMBERS_AT_ONCE):
        monkeypatch.setattr(bootstrap, "NUMBERS_AT_ONCE", numbers)
        told: list[int] = []
        found = driven.shares(model, paths, list("abcd"), asked, lambda done, of, told=told: told.append(done))
        assert told == list(range(1, 31)) and found.bounds is not None
        bounds.append(found.bounds)
    assert (bounds[0] == bounds[1]).all() and bounds[1] == pytest.approx(bounds[2], rel=1e-12)
    assert (bounds[0][0] < bounds[0][1]).any()
