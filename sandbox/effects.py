"""Journeys of which it is known what each channel brought: what would not have been sold without it.

A world for judging attribution, apart from the imaginary company: there channels have no effects that could be known.
Buyers behave like this; what is drawn per world is in `World`:

- Everybody considers a purchase for some weeks, needs it more or less, and decides once.
- *Push* channels reach some people, whatever they need, early on, and make them likelier to buy.
- *Pull* channels are searched by those who need it, so they stand before many purchases that they did not cause; what
  people find there convinces some.
- *Chasing* channels reach who has been touched already, and move a few.
- *Navigation* is how those who know the brand come back, and come by to decide, whether they then buy or not. It moves
  nobody.

Removing a channel takes away its touches and what follows from them (who was never touched is not chased and does
not know where to come back to), and leaves every random number as it was: the conversions lost are its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

PUSH = ("display", "paid_social", "audio", "referral")
PULL = ("organic_search", "paid_search")
CHASING = ("email", "retargeting")
NAVIGATION = ("direct", "brand_search")
CHANNELS = PUSH + PULL + CHASING + NAVIGATION
ENTRY = len(PUSH + PULL)  # channels from here on need somebody who knows the brand
DAY = 86_400_000_000  # microseconds

# Ranges of what is drawn for a world. An effect is how much likelier a first touch makes a purchase; each further one
# of the channel adds half of what the one before it added.
EFFECT = {"push": (0.02, 0.2), "pull": (0.0, 0.1), "email": (0.0, 0.1), "retargeting": (0.0, 0.03)}
REACH = {"push": (0.05, 0.3), "pull": (0.1, 0.6), "chasing": (0.2, 0.6)}
BASE = (0.01, 0.03)  # bought without any touch, at mean need
NEED_SIGMA = 0.6
RETURNS = (0.2, 1.0)  # visits by navigation, per journey and channel
DECIDES_ON_SITE = (0.5, 0.9)
KNOWS_BRAND = 0.1
WEEKS = (1, 6)


@dataclass(frozen=True)
class Journeys:
    """Touches, one row each, and of each person whether they bought, and when they decided."""

    person: NDArray[np.int64]
    time: NDArray[np.float64]  # days
    channel: NDArray[np.int64]
    bought: NDArray[np.bool_]
    decided: NDArray[np.float64]

    def log(self) -> pa.Table:
        """A row per touch, and one without a channel per purchase: person, time, channel, converted."""
        buyers = np.flatnonzero(self.bought)
        times = np.concatenate([self.time, self.decided[buyers]])
        channels = [*(CHANNELS[number] for number in self.channel), *[None] * len(buyers)]
        columns: dict[str, pa.Array[Any]] = {
            "person": pa.array(np.concatenate([self.person, buyers])),
            "time": pa.array((times * DAY).astype(np.int64), pa.timestamp("us")),
            "channel": pa.array(channels, pa.string()),
            "converted": pa.array(np.arange(len(times)) >= len(self.person)),
        }
        return pa.table(columns)


@dataclass(frozen=True)
class World:
    """Buyers and channels drawn by a seed."""

    seed: int
    people: int = 40_000
    effects: Mapping[str, float] = field(init=False)
    _touches: Journeys = field(init=False, repr=False)  # with all that could be
    _chance: NDArray[np.float64] = field(init=False, repr=False)  # each person's, against which a purchase is drawn
    _base: NDArray[np.float64] = field(init=False, repr=False)
    _knows: NDArray[np.bool_] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        effects = {name: random.uniform(*EFFECT["push"]) for name in PUSH}
        effects |= {name: random.uniform(*EFFECT["pull"]) for name in PULL}
        effects |= {name: random.uniform(*EFFECT[name]) for name in CHASING}
        effects |= dict.fromkeys(NAVIGATION, 0.0)
        need = random.lognormal(-(NEED_SIGMA**2) / 2, NEED_SIGMA, self.people)
        decided = random.uniform(7 * WEEKS[0], 7 * WEEKS[1], self.people)
        said = {
            "effects": effects,
            "_base": random.uniform(*BASE) * need,
            "_chance": random.uniform(size=self.people),
            "_knows": random.uniform(size=self.people) < KNOWS_BRAND,
            "_touches": _everything(random, need, decided),
        }
        for name, value in said.items():
            object.__setattr__(self, name, value)

    def journeys(self, without: Collection[str] = ()) -> Journeys:
        """What happens, or would without some channels."""
        all_ = self._touches
        present = ~np.isin(all_.channel, [CHANNELS.index(name) for name in without])
        entered = np.where(self._knows, 0.0, np.inf)
        opens = present & (all_.channel < ENTRY)
        np.minimum.at(entered, all_.person[opens], all_.time[opens])
        kept = present & ((all_.channel < ENTRY) | (all_.time > entered[all_.person]))
        person, channel = all_.person[kept], all_.channel[kept]
        touched = np.bincount(person * len(CHANNELS) + channel, minlength=self.people * len(CHANNELS))
        strength = np.array([self.effects[name] for name in CHANNELS])
        moved = 2 * (1 - 0.5 ** touched.reshape(self.people, -1)) @ strength
        bought = self._chance < 1 - np.exp(-(self._base + moved))
        return Journeys(person, all_.time[kept], channel, bought, all_.decided)

    def truth(self) -> dict[str, float]:
        """Each channel's share of what channels brought: conversions lost without it, of those lost without each."""
        whole = int(self.journeys().bought.sum())
        lost = {name: whole - int(self.journeys(without=[name]).bought.sum()) for name in CHANNELS}
        return {name: each / sum(lost.values()) for name, each in lost.items()}


def _everything(random: np.random.Generator, need: NDArray[np.float64], decided: NDArray[np.float64]) -> Journeys:
    """Every touch that happens to people who know the brand."""
    people = len(need)
    counts, early = [], []
    for _ in PUSH:
        reached = random.uniform(size=people) < random.uniform(*REACH["push"])
        counts.append(reached * (1 + random.poisson(1.0, people)))
        early.append(2.0)
    for _ in PULL:
        counts.append(random.poisson(random.uniform(*REACH["pull"]) * need))
        early.append(1.0)
    for _ in CHASING:
        counts.append(random.poisson(random.uniform(*REACH["chasing"]), people))
        early.append(1.0)
    for _ in NAVIGATION:
        counts.append(random.poisson(random.uniform(*RETURNS), people))
        early.append(1.0)
    person = np.concatenate([np.repeat(np.arange(people), count) for count in counts])
    channel = np.repeat(np.arange(len(CHANNELS)), [count.sum() for count in counts])
    time = random.beta(1.0, np.array(early)[channel]) * decided[person]
    # The visit on which people decide.
    comes = np.flatnonzero(random.uniform(size=people) < random.uniform(*DECIDES_ON_SITE))
    typed = random.uniform(size=len(comes)) < random.uniform(0.3, 0.7)
    way = np.where(typed, CHANNELS.index("direct"), CHANNELS.index("brand_search"))
    return Journeys(
        np.concatenate([person, comes]),
        np.concatenate([time, decided[comes]]),
        np.concatenate([channel, way]),
        np.zeros(people, dtype=bool),
        decided,
    )
