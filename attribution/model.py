"""What an attribution is asked for and what it answers: settings, the models' names, results, refusals.

The rule models are those of the mart `attribution_credits`; definitions of all stand in docs/attribution.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from types import MappingProxyType

RULES = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "w_shaped",
    "full_path",
    "time_decay",
)
CUSTOM = "custom"
DATA_DRIVEN = ("markov", "shapley", "shapley_rate", "logistic")
MODELS = (*RULES, *DATA_DRIVEN)
# The touches a rule can name; `rest` is every touch that holds no role the model gives a weight.
ROLES = ("first", "last", "last_non_direct", "lead", "opportunity", "rest")
UNATTRIBUTED = "unattributed"
NO_CAMPAIGN = "(none)"
# What GA4 calls direct visits in its channel groups, sources, media, and sources with media.
DIRECT = ("direct", "(direct)", "(none)", "(direct) / (none)")
DAY_MICROSECONDS = 86_400_000_000
MOST_DAYS = 36_500  # a hundred years


class AttributionError(ValueError):
    """What was given cannot be attributed; the message says where and the mend, in one line."""


class Withheld(Exception):  # noqa: N818 - not an error: the answer of a model that has none
    """A model has no answer for these data; the message is the reason people read."""


@dataclass(frozen=True)
class Settings:
    """How to attribute. Weights of `position` are those of the first and the last touch, the others share the rest."""

    models: tuple[str, ...] = MODELS
    lookback_days: float = 90.0
    half_life_days: float = 7.0
    position: tuple[float, float] = (0.4, 0.4)
    custom: Mapping[str, float] | None = None
    since_previous: bool = False  # a conversion's path begins after the conversion before it
    by_campaign: bool = False
    order: int = 1
    minimum_conversions: int = 100
    bootstrap: int = 200
    seed: int = 7
    separator: str = ">"
    direct: tuple[str, ...] = DIRECT  # names of direct visits, in any letter case
    memory_mb: int = 700

    def __post_init__(self) -> None:
        first, last = self.position
        if min(first, last) < 0 or not 0 < first + last <= 1:
            raise AttributionError(f"position {first:g},{last:g}: two shares of at least 0 that add up to at most 1")
        if not all(0 < days <= MOST_DAYS for days in (self.lookback_days, self.half_life_days)):
            raise AttributionError(f"look-back and half-life are days, more than 0 and at most {MOST_DAYS:,}")
        if self.memory_mb < 1 or not self.separator:
            raise AttributionError("memory is at least 1 MB, and a separator at least one character")
        if self.order < 1 or self.bootstrap < 0:
            raise AttributionError("order is at least 1, the number of bootstrap replicates at least 0")
        if self.custom is not None:
            _check_custom(self.custom)
        unknown = set(self.models) - {*MODELS, CUSTOM}
        if unknown:
            raise AttributionError(f"no model is called {', '.join(sorted(unknown))}: there are {', '.join(MODELS)}")
        if CUSTOM in self.models and self.custom is None:
            raise AttributionError("the model custom needs its weights by role, e.g. first=0.5,last=0.3,rest=0.2")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The models asked for, in the order all results have; custom weights are a model where they are given."""
        wanted = {*self.models, *((CUSTOM,) if self.custom else ())}
        return tuple(name for name in (*RULES, CUSTOM, *DATA_DRIVEN) if name in wanted)

    @property
    def lookback_microseconds(self) -> int:
        return round(self.lookback_days * DAY_MICROSECONDS)

    def is_direct(self, channel: str) -> bool:
        return channel.lower() in {name.lower() for name in self.direct}

    def role_weights(self) -> Mapping[str, Mapping[str, float]]:
        """Weights by role of each chosen rule model that is one of positions (all but time decay)."""
        first, last = self.position
        weights: dict[str, Mapping[str, float]] = {
            "first_touch": {"first": 1.0},
            "last_touch": {"last": 1.0},
            "last_non_direct": {"last_non_direct": 1.0},
            "linear": {"rest": 1.0},
            "position_based": {"first": first, "last": last, "rest": round(1 - first - last, 12)},
            "w_shaped": {"first": 0.3, "lead": 0.3, "opportunity": 0.3, "rest": 0.1},
            "full_path": {"first": 0.225, "lead": 0.225, "opportunity": 0.225, "last": 0.225, "rest": 0.1},
        }
        if self.custom:
            weights[CUSTOM] = self.custom
        return {name: {role: w for role, w in weights[name].items() if w} for name in self.chosen if name in weights}


def _check_custom(weights: Mapping[str, float]) -> None:
    unknown = set(weights) - set(ROLES)
    if unknown:
        raise AttributionError(f"custom weights: no role {', '.join(sorted(unknown))}; roles are {', '.join(ROLES)}")
    if (
        not weights
        or not all(isfinite(weight) and weight >= 0 for weight in weights.values())
        or not sum(weights.values())
    ):
        raise AttributionError("custom weights: each a number of at least 0, their sum more than 0")


@dataclass(frozen=True)
class Unit:
    """What is credited: a channel, or a campaign of a channel."""

    channel: str
    campaign: str = NO_CAMPAIGN


@dataclass(frozen=True)
class Credit:
    """What one model gives one unit: conversions to nine decimals, value to the cent."""

    conversions: Decimal
    value: Decimal
    interval: tuple[float, float] | None = None  # 95 % of the bootstrap's credited conversions


@dataclass(frozen=True)
class Totals:
    """What there is to credit, and of it what no touch is known for."""

    conversions: int
    value: Decimal
    untouched: int
    untouched_value: Decimal
    nulls: int
    paths: int  # distinct sequences of channels
    touches: int


@dataclass(frozen=True)
class Result:
    """Every model's credit by unit. Each model's credits add up to `totals`; one without an answer says why."""

    form: str  # touches | paths
    totals: Totals
    credits: Mapping[str, Mapping[Unit, Credit]]
    withheld: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[Unit, ...]:
        """Units by their largest credit, what is unattributed last."""
        most: dict[Unit, Decimal] = {}
        for given in self.credits.values():
            for unit, credit in given.items():
                most[unit] = max(most.get(unit, credit.conversions), credit.conversions)
        return tuple(
            sorted(most, key=lambda unit: (unit.channel == UNATTRIBUTED, -most[unit], unit.channel, unit.campaign))
        )
