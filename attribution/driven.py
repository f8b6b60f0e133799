"""The data-driven models on packed paths: shares of the conversions, how sure they are, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from attribution import bootstrap, logistic, markov, shapley
from attribution.model import Settings, Withheld
from attribution.packed import Floats, Paths, coalitions

MOST_CHANNELS = 1_000  # a regression of more takes hours


@dataclass(frozen=True)
class Shares:
    """Each channel's share of the conversions, of the value, its bounds (two rows), what to know of it, and its removal
    effect where the model has such.
    """

    conversions: Floats
    values: Floats
    bounds: Floats | None
    note: str | None = None
    removal_effects: Floats | None = None


@dataclass(frozen=True)
class _Model:
    """Shares as a function of conversions and nulls, with those observed: per path or per coalition.

    In two parts: `weigh` is linear, so that it does for many replicates at once, and `solve` makes shares of one.
    """

    weigh: Callable[[Floats, Floats], Floats]
    solve: Callable[[Floats], Floats]
    conversions: Floats
    nulls: Floats
    values: Floats | None = None  # shares of the value, where they are others than those of the conversions
    negative: Sequence[int] = ()
    removal_effects: Floats | None = None


def shares(
    name: str, paths: Paths, channels: Sequence[str], settings: Settings, progress: Callable[[int, int], None]
) -> Shares:
    """A data-driven model's shares with bootstrap bounds; raises Withheld with the reason."""
    converted, least = int(paths.conversions.sum()), max(settings.minimum_conversions, 1)
    if converted < least:
        raise Withheld(
            f"{converted:,} conversions with a touch are fewer than {least:,}: a model fitted to them would be noise"
        )
    models = {"markov": _markov, "shapley": _shapley, "shapley_rate": _shapley_rate, "logistic": _logistic}
    model = models[name](paths, settings)
    observed = model.solve(model.weigh(model.conversions, model.nulls))
    count = settings.bootstrap
    bounds = bootstrap.intervals(
        model.weigh,
        model.solve,
        model.conversions,
        model.nulls,
        count,
        settings.seed,
        lambda done: progress(done, count),
    )
    negative = [channels[number] for number in model.negative]
    values = observed if model.values is None else model.values
    return Shares(observed, values, bounds, _note(name, negative), model.removal_effects)


def _markov(paths: Paths, settings: Settings) -> _Model:
    steps = markov.steps(paths, settings.order)

    def solve(weights: Floats) -> Floats:
        return markov.shares(weights, steps.channel, paths.channels)

    weights = steps.weights(paths.conversions, paths.nulls)
    _, effects = markov.removal_effects(weights, steps.channel, paths.channels)
    return _Model(steps.weights, solve, paths.conversions, paths.nulls, removal_effects=effects)


def _shapley(paths: Paths, settings: Settings) -> _Model:
    sets = coalitions(paths)

    def solve(counts: Floats) -> Floats:
        return _portions(shapley.equal_split(sets, counts[0]))

    # Refunds may bring the value to nothing, which has no shares.
    values = _portions(shapley.equal_split(sets, sets.values)) if sets.values.sum() else None
    return _Model(_as_they_are, solve, sets.conversions, sets.nulls, values)


def _shapley_rate(paths: Paths, settings: Settings) -> _Model:
    sets = coalitions(paths)

    def solve(counts: Floats) -> Floats:
        return shapley.rate_shares(sets, counts[0], counts[1])[0]

    negative = shapley.rate_shares(sets, sets.conversions, sets.nulls)[1]
    return _Model(_as_they_are, solve, sets.conversions, sets.nulls, negative=negative)


def _logistic(paths: Paths, settings: Settings) -> _Model:
    sets = coalitions(paths)
    odds = logistic.fitted(sets.members, sets.conversions, sets.nulls)

    def solve(counts: Floats) -> Floats:
        return logistic.shares(sets, counts[0], counts[1], odds)[0]

    negative = logistic.shares(sets, sets.conversions, sets.nulls, odds)[1]
    return _Model(_as_they_are, solve, sets.conversions, sets.nulls, negative=negative)


def _as_they_are(conversions: Floats, nulls: Floats) -> Floats:
    return np.stack([conversions, nulls])


def _portions(amounts: Floats) -> Floats:
    total = amounts.sum()
    if total == 0:
        raise Withheld("no path converts")
    return np.asarray(amounts / total, dtype=np.float64)


def _note(name: str, negative: list[str]) -> str | None:
    if not negative:
        return None
    return f"{name}: paths convert worse with {', '.join(negative)}: 0 is given instead of less than that"
