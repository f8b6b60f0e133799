"""What the attribution page shows of a release, before it has words: one `View` per conversion type and period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from serving.release import Release
from serving.report.contents import REMAINDERS, Attribution

# Whole days from the first touch, and touches, of which a bar counts the conversions: from this one up to the next.
DAYS = (0, 1, 7, 14, 30, 60)
TOUCHES = (1, 2, 3, 4, 6, 9, 13)


@dataclass(frozen=True)
class Period:
    """A quarter or year; `end` is its last day, `is_whole` whether the data reach it."""

    cadence: str
    start: date
    end: date
    is_whole: bool

    @property
    def last_month(self) -> date:
        """The first day of its last month, of which data-driven models are shown."""
        return self.end.replace(day=1)


@dataclass(frozen=True)
class Spread:
    """How long, or by how many touches, conversions were reached: counts per bar, median and ninth decile."""

    counts: tuple[int, ...]
    median: float
    ninth: float


@dataclass(frozen=True)
class Path:
    """A frequent path: its channels in order, what it led to, and how long it took."""

    channels: tuple[str, ...]
    conversions: int
    value: float
    median_days: float | None


@dataclass(frozen=True)
class Share:
    """A data-driven model's share of a channel in the period's last month, with the bounds of its 95 % interval."""

    model: str
    channel: str
    share: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Withheld:
    """Data-driven models that say nothing of some months of a period, and why of the newest of them."""

    models: tuple[str, ...]
    months: tuple[date, ...]
    reason: str


@dataclass(frozen=True)
class Driven:
    """What data-driven models say of the last month of a period, with notes by model, and what they withhold."""

    shares: tuple[Share, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True)
class Journeys:
    """The paths of one conversion type in one period. `touched` is how many of the conversions have a touch,
    `lookback_days` how long before a conversion its touches may lie, `paths_of` whose they are (person, company).
    """

    conversions: int
    value: float
    touched: int
    lookback_days: float | None
    paths_of: str | None
    days: Spread | None
    touches: Spread | None
    # How many conversions begin with one channel and end with another, and how many paths hold both (a ≤ b).
    flows: Mapping[tuple[str, str], int]
    together: Mapping[tuple[str, str], int]
    paths: tuple[Path, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels by how many paths hold them."""
        held = {one: count for (one, other), count in self.together.items() if one == other}
        return tuple(sorted(held, key=lambda channel: (-held[channel], channel)))

    def held(self, one: str, other: str) -> int:
        return self.together.get((min(one, other), max(one, other)), 0)

    def begun(self, channel: str) -> int:
        return sum(count for (first, _), count in self.flows.items() if first == channel)

    def ended(self, channel: str) -> int:
        return sum(count for (_, last), count in self.flows.items() if last == channel)


@dataclass(frozen=True)
class View:
    """Everything about one conversion type in one period."""

    conversion_type: str
    period: Period
    credits: Attribution
    journeys: Journeys
    driven: Driven

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that got credit or cost money, without what belongs to none."""
        return tuple(channel for channel in self.credits.channels if channel not in REMAINDERS)


@dataclass(frozen=True)
class Rule:
    """What a rule for marketing-sourced pipeline says of a period; None where it knows no deal."""

    name: str
    is_locked: bool
    deals_created: int
    deals_known: int
    deals: int | None
    amount: float | None
    pipeline: float
    gap: float | None


@dataclass(frozen=True)
class Story:
    """The whole page: views by conversion type and period, rules by period."""

    release: Release
    currency: str
    types: tuple[str, ...]
    periods: tuple[Period, ...]
    views: Mapping[tuple[str, Period], View]
    rules: Mapping[Period, tuple[Rule, ...]]

    @property
    def default(self) -> tuple[str, Period] | None:
        """Customers, or the last step that has conversions, in the newest whole period that has any."""
        for period in self.periods:
            for conversion_type in self.types:
                if self.views[conversion_type, period].journeys.conversions:
                    return conversion_type, period
        return None
