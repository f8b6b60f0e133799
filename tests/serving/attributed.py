"""Marts of attribution for the hand-made warehouse, made from a handful of paths: what the page must say is counted by
hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

import duckdb
import pyarrow as pa

SUMMER = date(2026, 8, 15)  # in the newest whole quarter of the hand-made warehouse


@dataclass(frozen=True)
class Journey:
    """So many conversions by one path: channels in order, days from its first touch, value of each."""

    count: int
    channels: tuple[str, ...]
    days: float = 0.0
    value: float = 0.0
    conversion_type: str = "customer"
    converted: date = SUMMER


JOURNEYS = (
    Journey(20, ("organic_search", "email", "sales"), 40.5, 1000),
    Journey(10, ("paid_search", "email", "email", "sales"), 20, 2000),
    Journey(6, ("sales",), 0.5, 500),
    Journey(4, (), 0, 100),
    Journey(50, ("paid_search",), 2, 0, "lead"),
    Journey(1, ("referral",), 9, 700, "customer", date(2026, 5, 1)),
)
SPEND = {"paid_search": (3000, 2000), "email": (400, 0), "(none)": (900, 0)}
SEPTEMBER, AUGUST = date(2026, 9, 1), date(2026, 8, 1)
DRIVEN = (
    (SEPTEMBER, "markov", "email", 0.4, 0.31, 0.52, "markov: paths convert worse with email", None),
    (SEPTEMBER, "markov", "sales", 0.6, 0.48, 0.69, "markov: paths convert worse with email", None),
    *(
        (month, model, "(none)", None, None, None, None, f"only {conversions} conversions of the 100 it needs")
        for model in ("shapley_rate", "logistic")
        for month, conversions in ((SEPTEMBER, 36), (AUGUST, 30))
    ),
)
RULES = (
    ("lead_source", False, None, None, None),
    ("first_touch", True, 3, 60_000.0, 0.0),
    ("marketing_before_sales", False, 5, 90_000.0, 30_000.0),
    ("influenced", False, 9, 120_000.0, None),
)
MODELS = ("first_touch", "last_touch", "linear")


def add(warehouse: Path, journeys: Sequence[Journey] = JOURNEYS) -> None:
    """Put the marts of these paths into the warehouse, in place of its own credits."""
    told, credits, sums, paths = [], [], defaultdict(lambda: [0.0, 0.0]), defaultdict(list)
    for number, one in enumerate(journeys):
        named = one.channels or ("unattributed",)
        short = tuple(each for at, each in enumerate(named) if at == 0 or named[at - 1] != each)
        for each in range(one.count):
            key = f"{one.conversion_type}:hubspot:{number}-{each}"
            person = f"hubspot:person-{number}-{each}"
            told.append({
                "conversion_id": key, "conversion_type": one.conversion_type, "person_id": person,
                "touches": len(one.channels), "first_channel": named[0], "last_channel": named[-1],
                "converted_date": one.converted, "value_reporting": one.value,
                "lookback_days": 60.0, "paths_of": "company",
                "days_to_conversion": one.days if one.channels else None,
            })  # fmt: skip
            credits.extend(
                {"conversion_id": key, "conversion_type": one.conversion_type, "converted_date": one.converted,
                 "channel": channel, "touch_id": f"t{at}" if one.channels else None}
                for at, channel in enumerate(named)
            )  # fmt: skip
        for period in periods(one.converted):
            paths[(*period, one.conversion_type)].append((" > ".join(short), one))
            for model, shares in shared(named).items():
                for channel, share in shares.items():
                    sums[(model, one.conversion_type, *period, channel)][0] += share * one.count
                    sums[(model, one.conversion_type, *period, channel)][1] += share * one.count * one.value
    # Money is spent whatever is converted there.
    spent = {(model, kind, *period, channel) for model, kind, *period, _ in [*sums] for channel in SPEND}
    with duckdb.connect(str(warehouse)) as db:
        _put(db, "journeys", told)
        _put(db, "attribution_credits", credits)
        _put(db, "attribution_paths", _frequent(paths))
        _put(db, "attribution_channels", [_cell(key, *sums[key]) for key in sorted({*sums, *spent})])
        _put(db, "attribution_data_driven", [
            {"model": model, "conversion_type": "customer", "month": month, "channel": channel,
             "share": share, "share_lower": low, "share_upper": high, "note": note, "withheld_reason": reason}
            for month, model, channel, share, low, high, note, reason in DRIVEN
        ])  # fmt: skip
        _put(db, "sourcing_gap", [
            {"cadence": "quarter", "period_start": date(2026, 7, 1), "rule": rule, "is_locked": locked,
             "deals_created": 12, "deals_known": 12 if deals is not None else 0, "deals": deals,
             "amount_reporting": amount, "pipeline_generated": 200_000.0, "gap_to_locked": gap}
            for rule, locked, deals, amount, gap in RULES
        ])  # fmt: skip


def periods(day: date) -> tuple[tuple[str, date], ...]:
    return ("quarter", date(day.year, day.month - (day.month - 1) % 3, 1)), ("year", date(day.year, 1, 1))


def shared(channels: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
    """What each model gives each channel of one path."""
    linear = {each: count / len(channels) for each, count in Counter(channels).items()}
    return {"first_touch": {channels[0]: 1.0}, "last_touch": {channels[-1]: 1.0}, "linear": linear}


def _cell(key: tuple[object, ...], conversions: float, value: float) -> dict[str, object]:
    model, kind, cadence, start, channel = key
    spend, media = SPEND.get(str(channel), (0, 0))
    return {
        "model": model, "conversion_type": kind, "cadence": cadence, "period_start": start, "channel": channel,
        "campaign": "(none)", "conversions": conversions, "value": value, "spend": float(spend),
        "media_spend": float(media),
    }  # fmt: skip


def _frequent(paths: Mapping[tuple[object, ...], Sequence[tuple[str, Journey]]]) -> list[dict[str, object]]:
    rows = []
    for (cadence, start, kind), found in paths.items():
        ordered = sorted(found, key=lambda pair: (-pair[1].count, pair[0]))
        rows += [
            {"conversion_type": kind, "cadence": cadence, "period_start": start, "channel_path": path,
             "frequency_rank": rank, "conversions": one.count, "value": one.value * one.count,
             "median_days": median([one.days]) if one.channels else None}
            for rank, (path, one) in enumerate(ordered, start=1)
        ]  # fmt: skip
    return rows


def _put(db: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, object]]) -> None:
    # Every first row holds every column; a column of nothing but nulls would have no type.
    db.register("incoming", pa.Table.from_pylist(rows))
    db.execute(f"create or replace table marts.{table} as from incoming")
    db.unregister("incoming")
