"""Read what the scorecard shows from one release.

Flow: release (Parquet) → `read` → `contents.Report` → terminal or page. Only published marts are read, and nothing is
computed here that a mart could say itself: what remains is choosing periods and putting things side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import duckdb

from serving.release import Release
from serving.report import wording
from serving.report.contents import (
    MOVEMENTS,
    REMAINDERS,
    Attribution,
    Bridge,
    Credit,
    Kpi,
    Point,
    Reading,
    Report,
    Step,
)

# How many periods a sparkline goes back: long enough to show last year's season where the cadence has one.
HISTORY_PERIODS = {"day": 30, "week": 27, "month": 25, "quarter": 9, "year": 5}
# Each step of the funnel: its name, the KPI that counts it, and the column that holds the count.
FUNNEL = (
    ("Sessions", "web_sessions", "value"),
    ("Leads", "leads_created", "value"),
    ("MQLs", "mql_count", "value"),
    ("Opportunities", "new_opportunities", "value"),
    ("Won deals", "win_rate", "numerator"),
)


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


def rows_of(db: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()) -> Iterable[dict[str, Any]]:
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
        for row in rows_of(db, query)
    }


def _readings(db: duckdb.DuckDBPyConnection, kpis: dict[str, Kpi]) -> dict[tuple[str, str], Reading]:
    history: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows_of(
        db,
        "select kpi, cadence, period_start, value, target, period_status from kpi_values"
        " where dimension = 'total' order by period_start",
    ):
        history.setdefault((row["kpi"], row["cadence"]), []).append(row)
    found = {}
    for row in rows_of(db, "from kpi_scorecard order by kpi, cadence"):
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
        rows_of(
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
        for row in rows_of(
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
    for row in rows_of(
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
        rows_of(
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
    rows = rows_of(
        db,
        """select model, channel, sum(conversions) as conversions, sum(value)::double as value,
            sum(spend)::double as spend, sum(media_spend)::double as media_spend
        from attribution_channels where conversion_type = 'customer' and cadence = ? and period_start = ?
        group by all order by all""",
        [cadence, start],
    )
    return side_by_side(cadence, start, rows)


def side_by_side(cadence: str, start: date, rows: Iterable[dict[str, Any]]) -> Attribution:
    """Credits of one period, a row per model and channel, with the channels in order: most credit first, rests last."""
    credits: dict[tuple[str, str], Credit] = {}
    weight: dict[str, float] = {}
    spend: dict[str, float] = {}
    media: dict[str, float] = {}
    for row in rows:
        channel, conversions = row["channel"], float(row["conversions"] or 0)
        credits[channel, row["model"]] = Credit(conversions, float(row["value"] or 0))
        weight[channel] = weight.get(channel, 0.0) + conversions
        spend[channel] = max(spend.get(channel, 0.0), float(row["spend"] or 0))
        media[channel] = max(media.get(channel, 0.0), float(row["media_spend"] or 0))
    models = wording.in_order({model for _, model in credits})
    channels = sorted(weight, key=lambda channel: (channel in REMAINDERS, -weight[channel], channel))
    shown = tuple(channel for channel in channels if weight[channel] or spend[channel])
    return Attribution(cadence, start, models, shown, credits, spend, media)
