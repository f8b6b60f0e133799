"""Attribution written down as its definitions read: slow, plain Python, exact fractions, no code of ours.

Paths by looking at every touch for every conversion, Markov by eliminating a system of equations per removed channel,
Shapley by the marginal gain over all coalitions. What the engine says on random worlds must be this.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import combinations, pairwise

ROLE_WEIGHTS = {
    "first_touch": {"first": 1},
    "last_touch": {"last": 1},
    "last_non_direct": {"last_non_direct": 1},
    "linear": {"rest": 1},
    "position_based": {"first": Fraction(4, 10), "last": Fraction(4, 10), "rest": Fraction(2, 10)},
    "w_shaped": {role: Fraction(3, 10) for role in ("first", "lead", "opportunity")} | {"rest": Fraction(1, 10)},
    "full_path": {role: Fraction(225, 1000) for role in ("first", "lead", "opportunity", "last")}
    | {"rest": Fraction(1, 10)},
}  # fmt: skip
DAY = 86_400_000_000
Path = tuple[str, ...]


@dataclass(frozen=True)
class Touch:
    person: str
    at: int  # microseconds
    channel: str
    lead: bool = False
    opportunity: bool = False


@dataclass(frozen=True)
class Conversion:
    person: str
    at: int
    cents: int


def path(
    conversion: Conversion, touches: Iterable[Touch], others: Sequence[Conversion], lookback: int, since: bool
) -> list[Touch]:
    """The touches of a conversion: none after it, none older than the look-back, in the order of time and name."""
    before = [other.at for other in others if other.person == conversion.person and other.at < conversion.at]
    earliest = max(before) if since and before else None
    found = [
        touch
        for touch in touches
        if touch.person == conversion.person
        and conversion.at - lookback <= touch.at <= conversion.at
        and (earliest is None or touch.at > earliest)
    ]
    return sorted(found, key=lambda touch: (touch.at, touch.channel, not touch.lead, not touch.opportunity))


def role_credits(model: str, touches: Sequence[Touch], direct: str = "direct") -> list[Fraction]:
    """A share of 1 per touch: the weights of the roles it holds, the rest's weight shared by those that hold none."""
    last = len(touches) - 1
    named = [place for place, touch in enumerate(touches) if touch.channel != direct]
    leads = [place for place, touch in enumerate(touches) if touch.lead]
    opportunities = [place for place, touch in enumerate(touches) if touch.opportunity]
    places = {
        "first": 0,
        "last": last,
        "last_non_direct": named[-1] if named else last,
        "lead": leads[0] if leads else None,
        "opportunity": opportunities[0] if opportunities else None,
    }
    credits, holders = [Fraction(0)] * len(touches), set()
    for role, weight in ROLE_WEIGHTS[model].items():
        place = places.get(role)
        if place is not None:
            credits[place] += weight
            holders.add(place)
    others = [place for place in range(len(touches)) if place not in holders]
    for place in others:
        credits[place] += Fraction(ROLE_WEIGHTS[model].get("rest", 0)) / len(others)
    whole = sum(credits)
    return [credit / whole for credit in credits]


def decay_credits(conversion: Conversion, touches: Sequence[Touch], half_life_days: float) -> list[Fraction]:
    """Half as much for each half-life between the touch and the conversion, however many: to fifty digits."""
    with localcontext(Context(prec=50, Emin=MIN_EMIN, Emax=MAX_EMAX)):
        half_life = Decimal(DAY) * Decimal(half_life_days)
        weights = [Fraction(Decimal(2) ** -((conversion.at - touch.at) / half_life)) for touch in touches]
    return [weight / sum(weights) for weight in weights]


def shares_of_cents(cents: int, credits: Sequence[Fraction]) -> list[int]:
    """Whole cents rounded towards zero, what is missing on the last touch."""
    sign = -1 if cents < 0 else 1
    # A share that is a whole number of cents but for 1e-9 is that number: decay is a rounded power.
    parts = [sign * math.floor(abs(cents) * credit + Fraction(1, 10**6)) for credit in credits]
    parts[-1] += cents - sum(parts)
    return parts


def markov(paths: Sequence[tuple[Path, int, int]], order: int) -> tuple[Fraction, dict[str, Fraction]]:
    """Conversion rate and removal effects of (path, conversions, nulls): each removed channel's chain solved anew."""
    counts: dict[tuple[str, ...], Counter[object]] = {}
    for channels, conversions, nulls in paths:
        states = [(), *(channels[max(0, end - order) : end] for end in range(1, len(channels) + 1))]
        for source, target in pairwise(states):
            counts.setdefault(source, Counter())[target] += conversions + nulls
        counts.setdefault(states[-1], Counter()).update({"conversion": conversions, "null": nulls})
    rate = _converting(counts, None)
    channels = sorted({channel for path, won, lost in paths for channel in path if won + lost})
    return rate, {channel: 1 - _converting(counts, channel) / rate for channel in channels}


def _converting(counts: dict[tuple[str, ...], Counter[object]], removed: str | None) -> Fraction:
    """The chance to get from start to conversion where every step into the removed channel ends in null."""
    states = [state for state in counts if (not state or state[-1] != removed) and counts[state].total()]
    index = {state: number for number, state in enumerate(states)}
    rows = []
    for state in states:
        total = counts[state].total()
        row = [Fraction(int(state == other)) for other in states] + [Fraction(counts[state]["conversion"], total)]
        for target, count in counts[state].items():
            if target in index:
                row[index[target]] -= Fraction(count, total)
        rows.append(row)
    for number in range(len(rows)):  # Gauss and Jordan
        pivot = next(at for at in range(number, len(rows)) if rows[at][number])
        rows[number], rows[pivot] = rows[pivot], rows[number]
        rows[number] = [cell / rows[number][number] for cell in rows[number]]
        for at in range(len(rows)):
            if at != number and rows[at][number]:
                factor = rows[at][number]
                rows[at] = [cell - factor * base for cell, base in zip(rows[at], rows[number], strict=True)]
    return rows[index[()]][-1]


def shapley(channels: Sequence[str], worth: Callable[[frozenset[str]], Fraction]) -> dict[str, Fraction]:
    """The weighted marginal gain of each channel over all coalitions of the others."""
    values = {}
    for channel in channels:
        others = [other for other in channels if other != channel]
        values[channel] = sum(
            (
                (worth(frozenset(group) | {channel}) - worth(frozenset(group)))
                / (len(channels) * math.comb(len(others), size))
                for size in range(len(others) + 1)
                for group in combinations(others, size)
            ),
            Fraction(0),
        )
    return values


def inside(paths: Sequence[tuple[Path, int, int]], coalition: frozenset[str]) -> tuple[int, int]:
    """Conversions and journeys of the paths whose channels are all in the coalition."""
    found = [(won, won + lost) for path, won, lost in paths if set(path) <= coalition]
    return sum(won for won, _ in found), sum(every for _, every in found)


def regression(
    paths: Sequence[tuple[Path, int, int]], odds: Mapping[str, float], spread: float
) -> tuple[dict[str, float], dict[str, float]]:
    """A logistic regression with these log odds ("": of no channel): slopes of its log posterior, all 0 at its only
    maximum, and the conversions lost without each channel.
    """
    journeys = [(set(path), won, won + lost) for path, won, lost in paths]

    def chance(path: set[str]) -> float:
        return 1 / (1 + math.exp(-odds[""] - sum(odds[channel] for channel in path)))

    slopes = {
        name: sum(won - count * chance(path) for path, won, count in journeys if not name or name in path)
        - (odds[name] / spread**2 if name else 0)
        for name in odds
    }
    lost = {
        name: sum(count * (chance(path) - chance(path - {name})) for path, _, count in journeys)
        for name in odds
        if name
    }
    return slopes, lost
