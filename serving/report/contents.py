"""What a scorecard is made of: KPIs, their readings, the funnel, the MRR bridge, attribution. Values only, no words.

Filled by `data`, worded by `wording` and `cards`, shown by `terminal` and `html`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from serving.release import Release

CADENCES = ("day", "week", "month", "quarter", "year")
DASHBOARDS = ("vision", "marketing", "sales")
STATUSES = ("off_track", "at_risk", "on_track", "no_target")
# What belongs to no channel stands below them: credit without a touch, cost without a channel.
REMAINDERS = ("unattributed", "(none)")
# What the attribution page is drawn from: a release that lacks one of them has no such page.
ATTRIBUTION_MARTS = ("attribution_channels", "attribution_credits", "attribution_paths", "journeys")
MOVEMENTS = ("new", "expansion", "reactivation", "contraction", "churn")


@dataclass(frozen=True)
class Kpi:
    """One row of the catalogue."""

    id: str
    label: str
    label_fr: str
    description: str
    formula: str
    unit: str
    direction: str
    owner: str
    decision: str
    timing: str
    nature: str
    north_star: bool
    dashboards: tuple[str, ...]
    benchmark: float | None
    benchmark_source: str | None


@dataclass(frozen=True)
class Point:
    """One period of a KPI's history."""

    start: date
    value: float | None
    target: float | None


@dataclass(frozen=True)
class Reading:
    """A KPI at one cadence: its newest complete period, the periods before it, and the open period's value so far."""

    kpi: Kpi
    cadence: str
    start: date
    value: float | None
    currency: str | None
    null_reason: str | None
    target: float | None
    status: str
    previous: float | None
    change: float | None
    year_ago: float | None
    year_ago_change: float | None
    provisional: bool
    history: tuple[Point, ...]
    so_far: Point | None


@dataclass(frozen=True)
class Step:
    """A step of the funnel in one period and the period before; the rate is from the step above."""

    name: str
    count: float | None
    rate: float | None
    previous_rate: float | None


@dataclass(frozen=True)
class Bridge:
    """How recurring revenue went from the end of one month to the end of the next."""

    start: date
    opening: float
    closing: float
    movements: tuple[tuple[str, float], ...]

    @property
    def unexplained(self) -> float:
        return self.closing - self.opening - sum(amount for _, amount in self.movements)


@dataclass(frozen=True)
class Credit:
    """What one attribution model gives one channel."""

    conversions: float
    value: float


@dataclass(frozen=True)
class Attribution:
    """Conversions of one period, credited to channels by every model. Spend, and media of it, depend on no model."""

    cadence: str
    start: date
    models: tuple[str, ...]
    channels: tuple[str, ...]
    credits: dict[tuple[str, str], Credit]
    spend: dict[str, float]
    media: dict[str, float]

    def total(self, model: str) -> Credit:
        parts = [self.credits[channel, model] for channel in self.channels if (channel, model) in self.credits]
        return Credit(sum(part.conversions for part in parts), sum(part.value for part in parts))


@dataclass(frozen=True)
class Report:
    """Everything the terminal and the page show of a release."""

    release: Release
    currency: str
    kpis: tuple[Kpi, ...]
    readings: dict[tuple[str, str], Reading]
    bridge: Bridge | None
    funnel: tuple[Step, ...]
    funnel_start: date | None
    attribution: Attribution | None

    @property
    def cadences(self) -> tuple[str, ...]:
        present = {cadence for _, cadence in self.readings}
        return tuple(cadence for cadence in CADENCES if cadence in present)

    def dashboard(self, name: str, cadence: str) -> list[Reading]:
        """The KPIs of a dashboard, each at the cadence asked for or the nearest one it is computed at."""
        readings = (self.nearest(kpi, cadence) for kpi in self.kpis if name in kpi.dashboards)
        return [reading for reading in readings if reading is not None]

    def nearest(self, kpi: Kpi, cadence: str) -> Reading | None:
        """The KPI at this cadence, else at the next coarser one (a monthly KPI in a weekly view), else a finer one."""
        index = CADENCES.index(cadence)
        for candidate in (*CADENCES[index:], *reversed(CADENCES[:index])):
            if (kpi.id, candidate) in self.readings:
                return self.readings[kpi.id, candidate]
        return None

    def north_stars(self, cadence: str) -> list[Reading]:
        readings = (self.nearest(kpi, cadence) for kpi in self.kpis if kpi.north_star)
        return [reading for reading in readings if reading is not None]

    def decisions(self, cadence: str) -> list[Reading]:
        """What is off track, then what is at risk, over all dashboards, each KPI once."""
        shown = [kpi for kpi in self.kpis if kpi.dashboards or kpi.north_star]
        readings = [reading for kpi in shown if (reading := self.nearest(kpi, cadence)) is not None]
        wanting = [reading for reading in readings if reading.status in ("off_track", "at_risk")]
        return sorted(wanting, key=lambda reading: STATUSES.index(reading.status))
