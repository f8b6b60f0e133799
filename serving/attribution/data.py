"""Read what the attribution page shows from one release.

Flow: release (Parquet) → `read` → `contents.Story` → `page`. Only published marts are read and only sums leave them:
no row of a person. A mart the release lacks leaves its part empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import Any

import duckdb

from serving.attribution.contents import (
    DAYS,
    TOUCHES,
    Driven,
    Journeys,
    Path,
    Period,
    Rule,
    Share,
    Spread,
    Story,
    View,
    Withheld,
)
from serving.release import Release
from serving.report import wording
from serving.report.contents import ATTRIBUTION_MARTS
from serving.report.data import rows_of, side_by_side

# The page holds so many quarters, and the year before this one; the most frequent paths.
QUARTERS, PATHS = 4, 8
# A funnel from its end; other types stand after them.
TYPES = ("customer", "order", "opportunity", "mql", "lead")
RULES = ("lead_source", "first_touch", "marketing_before_sales", "influenced")
_STEP = re.compile(r'(?:^| > )("(?:[^"]|"")*"|.*?)(?= > |\Z)', re.DOTALL)
Rows = list[dict[str, Any]]
Key = tuple[str, date, str]


def read(release: Release) -> Story | None:
    """Everything the page shows; None where the release has no attribution."""
    if any(name not in release.rows for name in ATTRIBUTION_MARTS):
        return None
    with release.connect() as db:
        periods = _periods(db, release.data_through)
        db.execute("create temp table periods (cadence varchar, period_start date, period_end date)")
        for one in periods:
            db.execute("insert into periods values (?, ?, ?)", [one.cadence, one.start, one.end])
        credits, journeys = _credits(db), _Journeys(db)
        driven = _months(db) if "attribution_data_driven" in release.rows else {}
        rules = _rules(db) if "sourcing_gap" in release.rows else {}
        types = {conversion_type for _, _, conversion_type in credits}
        views = {}
        for one in periods:
            for conversion_type in types:
                key = (one.cadence, one.start, conversion_type)
                views[conversion_type, one] = View(
                    conversion_type=conversion_type,
                    period=one,
                    credits=side_by_side(one.cadence, one.start, credits.get(key, [])),
                    journeys=journeys.of(key),
                    driven=_driven(driven.get(key, []), one),
                )
        return Story(
            release=release,
            currency=str(release.manifest["currency"]),
            types=tuple(sorted(types, key=lambda name: (TYPES.index(name) if name in TYPES else len(TYPES), name))),
            periods=periods,
            views=views,
            rules={one: rules.get((one.cadence, one.start), ()) for one in periods},
        )


def _periods(db: duckdb.DuckDBPyConnection, through: date | None) -> tuple[Period, ...]:
    """The newest whole quarters with a conversion, newest first, and such a year; else what there is of a quarter."""
    found = [
        Period(
            row["cadence"], row["period_start"], row["period_end"], through is not None and row["period_end"] <= through
        )
        for row in rows_of(
            db,
            """select cadence, period_start, (period_start + case cadence when 'year' then interval 1 year
                else interval 3 month end - interval 1 day)::date as period_end
            from attribution_channels where cadence in ('quarter', 'year')
            group by all having sum(conversions) > 0 order by cadence, period_start desc""",
        )
    ]
    whole = [one for one in found if one.is_whole]
    quarters = [one for one in whole if one.cadence == "quarter"][:QUARTERS]
    years = [one for one in whole if one.cadence == "year"][:1]
    return (*quarters, *years) if quarters else tuple(one for one in found if one.cadence == "quarter")[:1]


def _keyed(rows: Iterable[dict[str, Any]]) -> dict[Key, Rows]:
    """Rows by period and conversion type; they come in that order."""
    return {
        key: list(group)
        for key, group in groupby(rows, lambda row: (row["cadence"], row["period_start"], row["conversion_type"]))
    }


def _credits(db: duckdb.DuckDBPyConnection) -> dict[Key, Rows]:
    return _keyed(
        rows_of(
            db,
            """select cadence, period_start, conversion_type, model, channel, sum(conversions)::double as conversions,
                sum(value)::double as value, sum(spend)::double as spend, sum(media_spend)::double as media_spend
            from attribution_channels semi join periods using (cadence, period_start) group by all order by all""",
        )
    )


_CONVERTED = """periods inner join journeys
    on journeys.converted_date between periods.period_start and periods.period_end"""


class _Journeys:
    """Paths of every period and conversion type, read once for all of them."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        key = "cadence, period_start, conversion_type"
        self._totals = _keyed(rows_of(db, f"""
            select {key}, count(*) as conversions, sum(value_reporting)::double as value,
                count(*) filter (where touches > 0) as touched,
                max(lookback_days) as lookback_days, max(paths_of) as paths_of,
                median(days_to_conversion) as median_days, quantile_cont(days_to_conversion, 0.9) as ninth_days,
                median(touches) filter (where touches > 0) as median_touches,
                quantile_cont(touches, 0.9) filter (where touches > 0) as ninth_touches
            from {_CONVERTED} group by {key} order by {key}"""))  # fmt: skip # noqa: S608 - our own columns
        self._days = self._counts(db, "floor(days_to_conversion)::integer")
        self._touches = self._counts(db, "touches")
        self._flows = _keyed(rows_of(db, f"""
            select {key}, first_channel as one, last_channel as other, count(*) as count
            from {_CONVERTED} where touches > 0 group by all order by all"""))  # fmt: skip # noqa: S608
        self._together = _keyed(rows_of(db, f"""
            with held as (
                select distinct cadence, period_start, credits.conversion_type, credits.conversion_id, credits.channel
                from periods inner join attribution_credits as credits
                    on credits.converted_date between periods.period_start and periods.period_end
                where credits.touch_id is not null
            )
            select {key}, a.channel as one, b.channel as other, count(*) as count
            from held as a inner join held as b using ({key}, conversion_id) where a.channel <= b.channel
            group by all order by all"""))  # fmt: skip # noqa: S608
        self._paths = _keyed(rows_of(db, f"""
            select {key}, channel_path, conversions, value::double as value, median_days
            from attribution_paths semi join periods using (cadence, period_start)
            where frequency_rank <= {PATHS} and channel_path <> 'unattributed'
            order by {key}, frequency_rank"""))  # fmt: skip # noqa: S608

    @staticmethod
    def _counts(db: duckdb.DuckDBPyConnection, measure: str) -> dict[Key, Rows]:
        return _keyed(rows_of(db, f"""
            select cadence, period_start, conversion_type, {measure} as size, count(*) as count
            from {_CONVERTED} where touches > 0 group by all order by all"""))  # fmt: skip # noqa: S608

    def of(self, key: Key) -> Journeys:
        (totals,) = self._totals.get(key, [dict.fromkeys(("conversions", "value", "touched"), 0)])
        pairs = (self._flows, self._together)
        flows, together = ({(row["one"], row["other"]): row["count"] for row in each.get(key, [])} for each in pairs)
        return Journeys(
            conversions=totals["conversions"],
            value=totals["value"],
            touched=totals["touched"],
            lookback_days=totals.get("lookback_days"),
            paths_of=totals.get("paths_of"),
            days=_spread(self._days.get(key), DAYS, totals, "days"),
            touches=_spread(self._touches.get(key), TOUCHES, totals, "touches"),
            flows=flows,
            together=together,
            paths=tuple(
                Path(_steps(row["channel_path"]), row["conversions"], row["value"], row["median_days"])
                for row in self._paths.get(key, [])
            ),
        )


def _steps(path: str) -> tuple[str, ...]:
    """The channels of a path in text; one that holds what paths are separated by stands in quotes (macro path_step)."""
    return tuple(step[1:-1].replace('""', '"') if step.startswith('"') else step for step in _STEP.findall(path))


def _spread(rows: Rows | None, bars: Sequence[int], totals: Mapping[str, Any], name: str) -> Spread | None:
    if not rows:
        return None
    counts = [0] * len(bars)
    for row in rows:
        counts[max(index for index, least in enumerate(bars) if row["size"] >= least)] += row["count"]
    return Spread(tuple(counts), float(totals[f"median_{name}"]), float(totals[f"ninth_{name}"]))


def _months(db: duckdb.DuckDBPyConnection) -> dict[Key, Rows]:
    """What data-driven models say of every month of the periods, the newest month first."""
    return _keyed(
        rows_of(
            db,
            """select cadence, period_start, conversion_type, month, model, channel, share, share_lower, share_upper,
                note, withheld_reason
            from periods inner join attribution_data_driven as driven
                on driven.month between periods.period_start and periods.period_end
            where share is not null or withheld_reason is not null
            order by cadence, period_start, conversion_type, month desc, model, share desc, channel""",
        )
    )


def _driven(rows: Rows, period: Period) -> Driven:
    newest = [row for row in rows if row["month"] == period.last_month and row["share"] is not None]
    silent: dict[str, Rows] = {}
    for row in rows:
        if row["withheld_reason"] is not None:
            silent.setdefault(row["model"], []).append(row)
    alike: dict[tuple[tuple[date, ...], str], list[str]] = {}
    for model, months in silent.items():
        alike.setdefault((tuple(row["month"] for row in months), months[0]["withheld_reason"]), []).append(model)
    return Driven(
        shares=tuple(
            Share(row["model"], row["channel"], row["share"], row["share_lower"], row["share_upper"]) for row in newest
        ),
        notes=tuple(dict.fromkeys((row["model"], row["note"]) for row in newest if row["note"])),
        withheld=tuple(Withheld(wording.in_order(models), *said) for said, models in alike.items()),
    )


def _rules(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, date], tuple[Rule, ...]]:
    rows = rows_of(
        db,
        """select cadence, period_start, rule, is_locked, deals_created, deals_known, deals,
            amount_reporting::double as amount, pipeline_generated::double as pipeline, gap_to_locked::double as gap
        from sourcing_gap semi join periods using (cadence, period_start) order by cadence, period_start""",
    )
    found = {}
    for key, group in groupby(rows, lambda row: (row["cadence"], row["period_start"])):
        named = {row["rule"]: row for row in group}
        found[key] = tuple(
            Rule(
                name=name,
                is_locked=row["is_locked"],
                deals_created=row["deals_created"],
                deals_known=row["deals_known"],
                deals=row["deals"],
                amount=row["amount"],
                pipeline=row["pipeline"],
                gap=row["gap"],
            )
            for name in RULES
            if (row := named.get(name))
        )
    return found
