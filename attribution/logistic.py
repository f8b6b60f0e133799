"""Attribution by regression: the conversions that would be lost, as journeys with and without a channel tell them.

Definition: a logistic regression of whether a journey converts on which channels it holds (Shao and Li 2011,
"Data-driven multi-touch attribution models", whose bagging the bootstrap stands for here). A channel's effect is what
the fitted chances of all journeys that hold it lose without it; shares are effects that add up to 1.

Removal from a Markov chain loses every conversion that a channel stood before; this, as many as journeys with it
convert more often than the same journeys without. Other than a rate's Shapley value, it counts how many they are.
Fitted by Newton's method on sets of channels with counts. Coefficients are drawn to 0 by a wide normal prior, so that
channels that always or never convert have an answer, and only one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attribution.model import Withheld
from attribution.packed import Coalitions, Floats

SPREAD = 2.0  # standard deviation of the prior: a channel that multiplies the odds by seven is not unusual
MOST_STEPS = 100
CLOSE = 1e-10  # of the gradient, per journey
SAME = 1e-13  # what two sums of doubles may differ by, relatively, and be equal


def fitted(members: NDArray[np.bool_], conversions: Floats, nulls: Floats, start: Floats | None = None) -> Floats:
    """Log odds: of a journey without channels, then what each channel adds. start: near them."""
    if not conversions.sum() > 0:
        raise Withheld("no path converts")
    if not nulls.sum() > 0:
        raise Withheld("no journey without a conversion is known: nothing tells whom a channel did not convince")
    design = np.concatenate([np.ones((len(members), 1)), members], axis=1)
    journeys = conversions + nulls
    prior = np.full(design.shape[1], SPREAD**-2)
    prior[0] = 0.0
    if start is None:
        start = np.zeros(design.shape[1])
        start[0] = np.log(conversions.sum() / nulls.sum())
    odds = start
    worth = _posterior(design @ odds, conversions, journeys, prior, odds)
    for _ in range(MOST_STEPS):
        chance = _chance(design @ odds)
        gradient = design.T @ (conversions - journeys * chance) - prior * odds
        if np.abs(gradient).max() <= CLOSE * journeys.sum():
            return odds
        curvature = (design.T * (journeys * chance * (1 - chance))) @ design + np.diag(prior)
        step = np.linalg.solve(curvature, gradient)
        # Concave, but a whole step may go too far.
        for _ in range(MOST_STEPS):
            tried = _posterior(design @ (odds + step), conversions, journeys, prior, odds + step)
            if tried >= worth - SAME * abs(worth):
                break
            step = step / 2
        odds, worth = odds + step, tried
    raise Withheld("the regression does not settle")


def effects(coalitions: Coalitions, conversions: Floats, nulls: Floats, odds: Floats) -> Floats:
    """Conversions lost without each channel; less than nothing where journeys with it convert less often."""
    told = odds[0] + coalitions.members @ odds[1:]
    without = told[:, np.newaxis] - coalitions.members * odds[1:]
    lost: Floats = (conversions + nulls) @ (_chance(told)[:, np.newaxis] - _chance(without))
    return lost


def shares(
    coalitions: Coalitions, conversions: Floats, nulls: Floats, start: Floats | None = None
) -> tuple[Floats, list[int]]:
    """Each channel's share, and the channels whose effect is negative, which get 0."""
    odds = fitted(coalitions.members, conversions, nulls, start)
    lost = effects(coalitions, conversions, nulls, odds)
    negative = [int(number) for number in np.flatnonzero(lost < -1e-9)]
    kept = np.maximum(lost, 0.0)
    if not kept.sum() > 1e-9:
        raise Withheld("journeys with a channel convert no more often than those without it, whichever it is")
    return np.asarray(kept / kept.sum(), dtype=np.float64), negative


def _chance(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)), dtype=np.float64)


def _posterior(log_odds: Floats, conversions: Floats, journeys: Floats, prior: Floats, odds: Floats) -> float:
    likelihood = conversions @ log_odds - journeys @ np.logaddexp(0.0, log_odds)
    return float(likelihood - prior @ odds**2 / 2)
