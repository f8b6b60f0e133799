"""What the scorecard shows, read from one release: plain values, not yet worded or drawn.

Flow: release (Parquet) → `read(release)` → `Report` → terminal or page. Only published marts are read, and nothing is
computed here that a mart could say itself: what remains is choosing periods and putting things side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from serving.release import Release

CADENCES = ("day", "week", "month", "quarter", "year")
# How many periods a sparkline goes back: long enough to show last year's season where the cadence has one.
HISTORY_PERIODS = {"day": 30, "week": 27, "month": 25, "quarter": 9, "year": 5}
DASHBOARDS = ("vision", "marketing", "sales")
STATUSES = ("off_track", "at_risk", "on_track", "no_target")
MODELS = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "time_decay")
MOVEMENTS = ("new", "expansion", "reactivation", "contraction", "churn")
# Each step of the funnel: its name, the KPI that counts it, and the column that holds the count.
FUNNEL = (
    ("Sessions", "web_sessions", "value"),
    ("Leads", "leads_created", "value"),
    ("MQLs", "mql_count", "value"),
    ("Opportunities", "new_opportunities", "value"),
    ("Won deals", "win_rate", "numerator"),
)


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
    """Customers of one period, credited to channels by every model. `spend` does not depend on the model."""

    cadence: str
    start: date
    models: tuple[str, ...]
    channels: tuple[str, ...]
    credits: dict[tuple[str, str], Credit]
    spend: dict[str, float]

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


def read(release: Release) -> Report:
    """Read everything the scorecard shows; a mart the release lacks leaves its part out."""
    with release.connect() as db:
        kpis = _kpis(db)
        readings = _readings(db, kpis)
        months = sorted(reading.start for (_, cadence), reading in readings.items() if cadence == "month")
        month = months[-1] if months else None
        return Report(
            release=release,
            currency=str(release.manifest["currency"]),
            kpis=tuple(kpis.values()),
            readings=readings,
            bridge=_bridge(db, month),
            funnel=_funnel(db, month),
            funnel_start=month,
            attribution=_attribution(db) if "attribution_channels" in release.rows else None,
        )


def _rows(db: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> Iterable[dict[str, Any]]:
    cursor = db.execute(query, parameters)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _kpis(db: duckdb.DuckDBPyConnection) -> dict[str, Kpi]:
    # The catalogue's own order says nothing; impact before activity, then lagging results before what leads to them.
    query = """from kpi_catalogue order by north_star_of is null, nature = 'activity', timing = 'leading', label_en"""
    return {
        row["kpi"]: Kpi(
            id=row["kpi"],
            label=row["label_en"],
            label_fr=row["label_fr"] or "",
            description=row["description"] or "",
            formula=row["formula"] or "",
            unit=row["unit"],
            direction=row["direction"],
            owner=row["owner"] or "",
            decision=row["decision"] or "",
            timing=row["timing"] or "",
            nature=row["nature"] or "",
            north_star=row["north_star_of"] is not None,
            dashboards=tuple(name.strip() for name in (row["dashboards"] or "").split(",") if name.strip()),
            benchmark=row["benchmark"],
            benchmark_source=row["benchmark_source"],
        )
        for row in _rows(db, query)
    }


def _readings(db: duckdb.DuckDBPyConnection, kpis: dict[str, Kpi]) -> dict[tuple[str, str], Reading]:
    history: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in _rows(
        db,
        "select kpi, cadence, period_start, value, target, period_status from kpi_values"
        " where dimension = 'total' order by period_start",
    ):
        history.setdefault((row["kpi"], row["cadence"]), []).append(row)
    found = {}
    for row in _rows(db, "from kpi_scorecard order by kpi, cadence"):
        key = (row["kpi"], row["cadence"])
        if row["kpi"] not in kpis:
            continue
        points = history.get(key, [])
        so_far = [point for point in points if point["period_status"] == "open" and point["value"] is not None]
        past = [_point(point) for point in points if point["period_start"] <= row["period_start"]]
        found[key] = Reading(
            kpi=kpis[row["kpi"]],
            cadence=row["cadence"],
            start=row["period_start"],
            value=row["value"],
            currency=row["currency"],
            null_reason=row["null_reason"],
            target=row["target"],
            status=row["status"],
            previous=row["previous_value"],
            change=row["change_ratio"],
            year_ago=row["year_ago_value"],
            year_ago_change=row["year_ago_change_ratio"],
            provisional=row["period_status"] == "provisional",
            history=tuple(past[-HISTORY_PERIODS[row["cadence"]] :]),
            so_far=_point(so_far[-1]) if so_far else None,
        )
    return found


def _point(row: dict[str, Any]) -> Point:
    return Point(row["period_start"], row["value"], row["target"])


def _bridge(db: duckdb.DuckDBPyConnection, month: date | None) -> Bridge | None:
    ends = list(
        _rows(
            db,
            "select value, previous_value from kpi_values"
            " where kpi = 'mrr' and cadence = 'month' and dimension = 'total' and period_start = ?",
            [month],
        )
    )
    if not ends or ends[0]["value"] is None or ends[0]["previous_value"] is None or month is None:
        return None
    amounts = {
        row["dimension_value"]: row["value"]
        for row in _rows(
            db,
            "select dimension_value, value from kpi_values where kpi = 'mrr_movements' and cadence = 'month'"
            " and dimension = 'movement' and period_start = ?",
            [month],
        )
    }
    movements = tuple((name, float(amounts.get(name) or 0)) for name in MOVEMENTS)
    return Bridge(month, float(ends[0]["previous_value"]), float(ends[0]["value"]), movements)


def _funnel(db: duckdb.DuckDBPyConnection, month: date | None) -> tuple[Step, ...]:
    counts: dict[tuple[str, date], dict[str, Any]] = {}
    starts: list[date] = []
    for row in _rows(
        db,
        "select kpi, period_start, value, numerator from kpi_values where cadence = 'month' and dimension = 'total'"
        " and period_start in (?::date, ?::date - interval 1 month) order by period_start",
        [month, month],
    ):
        counts[row["kpi"], row["period_start"]] = row
        if row["period_start"] not in starts:
            starts.append(row["period_start"])

    def count(step: int, start: date) -> float | None:
        _, kpi, column = FUNNEL[step]
        value = counts.get((kpi, start), {}).get(column)
        return None if value is None else float(value)

    def rate(step: int, start: date) -> float | None:
        below, above = count(step, start), count(step - 1, start) if step else None
        return below / above if below is not None and above else None

    if month is None or month not in starts:
        return ()
    before = starts[0]
    return tuple(
        Step(name, count(step, month), rate(step, month), rate(step, before) if before < month else None)
        for step, (name, _, _) in enumerate(FUNNEL)
        if count(step, month) is not None
    )


def _attribution(db: duckdb.DuckDBPyConnection) -> Attribution | None:
    """Customers by channel and model in the newest whole quarter that has any, else in the newest whole month."""
    chosen = list(
        _rows(
            db,
            """with whole as (
                select distinct cadence, period_start from kpi_values
                where dimension = 'total' and cadence in ('month', 'quarter') and period_status <> 'open')
            select cadence, period_start from attribution_channels semi join whole using (cadence, period_start)
            where conversion_type = 'customer' group by all having sum(conversions) > 0
            order by cadence desc, period_start desc limit 1""",
        )
    )
    if not chosen:
        return None
    cadence, start = chosen[0]["cadence"], chosen[0]["period_start"]
    rows = list(
        _rows(
            db,
            """select model, channel, sum(conversions) as conversions, sum(value)::double as value,
                sum(spend)::double as spend
            from attribution_channels where conversion_type = 'customer' and cadence = ? and period_start = ?
            group by all order by all""",
            [cadence, start],
        )
    )
    credits = {(r["channel"], r["model"]): Credit(float(r["conversions"] or 0), float(r["value"] or 0)) for r in rows}
    present = {row["model"] for row in rows}
    models = tuple(model for model in MODELS if model in present) + tuple(sorted(present - set(MODELS)))
    weight: dict[str, float] = {}
    spend: dict[str, float] = {}
    for row in rows:
        weight[row["channel"]] = weight.get(row["channel"], 0.0) + float(row["conversions"] or 0)
        spend[row["channel"]] = max(spend.get(row["channel"], 0.0), float(row["spend"] or 0))
    channels = sorted(weight, key=lambda channel: (channel == "unattributed", -weight[channel], channel))
    shown = tuple(channel for channel in channels if weight[channel] or spend[channel])
    return Attribution(cadence, start, models, shown, credits, spend)
