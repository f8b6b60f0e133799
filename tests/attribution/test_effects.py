"""Models against worlds whose channels' effects are known, and those worlds against what they promise."""

import numpy as np
import pytest

from attribution.model import DATA_DRIVEN
from sandbox.effects import CHANNELS, NAVIGATION, PUSH, World
from tests.attribution.effects import judged


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, people=5_000)


def test_the_best_data_driven_model_is_nearer_to_the_truth_than_every_rule() -> None:
    found = judged(range(4))
    correlation, error = max(said for model, said in found.items() if model in DATA_DRIVEN)
    rules = {model: said for model, said in found.items() if model not in DATA_DRIVEN}
    assert len(rules) == 6
    assert correlation > max(each for each, _ in rules.values())
    assert error < min(each for _, each in rules.values())


def test_removing_a_channel_changes_nothing_else(world: World) -> None:
    whole = world.journeys()
    for name in CHANNELS:
        without = world.journeys(without=[name])
        assert not (without.bought & ~whole.bought).any(), "nobody buys because a channel is gone"
        assert CHANNELS.index(name) not in without.channel
        touches = {*zip(whole.person, whole.channel, whole.time, strict=True)}
        assert touches >= {*zip(without.person, without.channel, without.time, strict=True)}
        if name in NAVIGATION:
            assert (without.bought == whole.bought).all() and world.effects[name] == 0


def test_channels_assist_or_merely_appear(world: World) -> None:
    """Navigation comes last whether people buy or not; what convinces them comes first."""
    journeys, truth = world.journeys(), world.truth()
    assert sum(truth.values()) == pytest.approx(1)
    assert sum(truth[name] for name in PUSH) > 0.2 and sum(truth[name] for name in NAVIGATION) == 0
    last = np.lexsort((journeys.time, journeys.person))
    ends = last[np.append(np.diff(journeys.person[last]) > 0, True)]
    navigated = np.isin(journeys.channel[ends], [CHANNELS.index(name) for name in NAVIGATION])
    bought = journeys.bought[journeys.person[ends]]
    assert navigated[bought].mean() > 0.5 and navigated[~bought].mean() > 0.5


def test_without_any_channel_some_buy_all_the_same(world: World) -> None:
    nothing = world.journeys(without=CHANNELS)
    assert len(nothing.person) == 0
    assert 0 < nothing.bought.sum() < world.journeys().bought.sum()


def test_a_seed_is_a_world(world: World) -> None:
    assert world.journeys().log().equals(World(3, people=5_000).journeys().log())
    assert not world.journeys().log().equals(World(4, people=5_000).journeys().log())
