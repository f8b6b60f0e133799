"""Touchpoints, conversions and the six rule models, one conversion after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import pandas as pd

from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import CONVERSION_TYPES, MODELS, NONE, UNATTRIBUTED, Rules

_CREDIT_COLUMNS = ["conversion", "day", "channel", "campaign", "credit", "cents"]


def touchpoints(observed: Observed) -> pd.DataFrame:
    """Sessions, clicks in mails, meetings held and calls of known persons, each person's in order."""
    snapshot = observed.snapshot
    meetings = snapshot.meetings
    held = meetings[meetings["archived_at"].isna() & (meetings["outcome"] == "COMPLETED")]
    pieces = [
        observed.sessions[["person", "at", "id", "channel", "campaign"]].assign(type="session"),
        observed.email_clicks[["person", "at", "id", "channel", "campaign"]].assign(type="email_click"),
        _sales(held, "meeting_id").assign(type="meeting"),
        _sales(snapshot.calls, "call_id").assign(type="call"),
    ]
    touches = pd.concat(pieces, ignore_index=True)
    touches = touches[touches["person"].isin(observed.persons.index)]
    return touches.sort_values(["person", "at", "type", "id"], ignore_index=True)


def _sales(activities: pd.DataFrame, key: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "person": activities["contact_id"],
            "at": activities["start_at"],
            "id": activities[key],
            "channel": "sales",
            "campaign": NONE,
        }
    )


def conversions(observed: Observed, deals: pd.DataFrame) -> pd.DataFrame:
    """Leads, MQLs, opportunities and first wins: type, id, person, instant and value in cents."""
    persons = observed.persons
    pieces = []
    for kind in ("lead", "mql"):
        reached = persons[persons[f"{kind}_at"].notna()]
        pieces.append(_conversions(kind, reached.index, reached.index, reached[f"{kind}_at"], 0))
    pieces.append(
        _conversions("opportunity", deals.index, deals["person"], deals["created_at"], deals["created_cents"])
    )
    won = deals[deals["is_first_won"]]
    pieces.append(_conversions("customer", won.index, won["person"], won["closed_at"], won["cents"]))
    return pd.concat(pieces, ignore_index=True)


def _conversions(kind: str, ids: pd.Index, person: object, at: pd.Series, cents: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "type": kind,
            "conversion": np.asarray(ids),
            "person": np.asarray(person),
            "at": at.to_numpy(),
            "cents": np.asarray(cents) if not isinstance(cents, int) else cents,
        }
    )


@dataclass(frozen=True)
class Path:
    """The touches before a conversion: channels in order and days from each touch to the conversion."""

    channels: Sequence[str]
    days_before: Sequence[float]

    def __len__(self) -> int:
        return len(self.channels)


def _only(position: int, length: int) -> list[float]:
    return [1.0 if number == position else 0.0 for number in range(length)]


def first_touch(path: Path, _: Rules) -> list[float]:
    return _only(0, len(path))


def last_touch(path: Path, _: Rules) -> list[float]:
    return _only(len(path) - 1, len(path))


def last_non_direct(path: Path, _: Rules) -> list[float]:
    """The last touch that is not direct; of a path of direct visits the last."""
    others = [number for number, channel in enumerate(path.channels) if channel != "direct"]
    return _only(others[-1] if others else len(path) - 1, len(path))


def linear(path: Path, _: Rules) -> list[float]:
    return [1.0 / len(path)] * len(path)


def position_based(path: Path, rules: Rules) -> list[float]:
    """40/20/40; two touches share, one has it all."""
    if len(path) <= 2:
        return linear(path, rules)
    middle = (1.0 - 2.0 * rules.position_ends) / (len(path) - 2)
    return [rules.position_ends, *[middle] * (len(path) - 2), rules.position_ends]


def time_decay(path: Path, rules: Rules) -> list[float]:
    """A touch weighs half as much for every half-life it lies before the conversion."""
    weights = [0.5 ** (days / rules.half_life_days) for days in path.days_before]
    return [weight / sum(weights) for weight in weights]


_MODELS: dict[str, Callable[[Path, Rules], list[float]]] = dict(
    zip(MODELS, (first_touch, last_touch, last_non_direct, linear, position_based, time_decay), strict=True)
)


def cents_of(cents: int, credits: Sequence[float]) -> list[int]:
    """The value shared in whole cents, each share rounded down; what is left over goes to the last touch."""
    shares = [floor(cents * credit + 1e-6) for credit in credits]
    shares[-1] += cents - sum(shares)
    return shares


@dataclass(frozen=True)
class Journeys:
    """Conversions of one type, each with the rows of the touches before it."""

    conversions: pd.DataFrame
    touches: pd.DataFrame
    rows: Sequence[range]


def journeys(observed: Observed, touches: pd.DataFrame, found: pd.DataFrame, conversion_type: str) -> Journeys:
    """The path of every conversion: the person's touches in the lookback that ends with it, to the microsecond."""
    if conversion_type not in CONVERSION_TYPES:
        raise KeyError(f"no conversion type {conversion_type}: there are {', '.join(CONVERSION_TYPES)}")
    wanted = found[found["type"] == conversion_type].reset_index(drop=True)
    lookback = pd.Timedelta(days=observed.rules.lookback_days)
    # Touches are sorted by person and instant, so a person's touches are one stretch of rows.
    stretch = touches.groupby("person", sort=False)["at"].agg(["size"])
    ends = stretch["size"].cumsum()
    starts = ends - stretch["size"]
    times, rows = touches["at"].dt.tz_localize(None).to_numpy(), []
    for person, at in zip(wanted["person"], wanted["at"].dt.tz_localize(None), strict=True):
        first, end = (starts[person], ends[person]) if person in starts.index else (0, 0)
        begin = np.searchsorted(times[first:end], np.datetime64(at - lookback), side="left")
        stop = np.searchsorted(times[first:end], np.datetime64(at), side="right")
        rows.append(range(first + begin, first + stop))
    return Journeys(wanted.assign(day=observed.day(wanted["at"])), touches, rows)


def credit(paths: Journeys, model: str, rules: Rules) -> pd.DataFrame:
    """One row per conversion and touch: day, channel, campaign, credit and cents; without a touch 'unattributed'."""
    if model not in _MODELS:
        raise KeyError(f"no attribution model {model}: there are {', '.join(MODELS)}")
    share, touches, wanted = _MODELS[model], paths.touches, paths.conversions
    channel, campaign = touches["channel"].to_list(), touches["campaign"].to_list()
    times = touches["at"].dt.tz_localize(None).to_numpy()
    ends = wanted["at"].dt.tz_localize(None).to_numpy()
    told: list[tuple[object, ...]] = []
    columns = zip(wanted["conversion"], wanted["day"], wanted["cents"].to_list(), ends, paths.rows, strict=True)
    for conversion, day, cents, end, rows in columns:
        if not rows:
            told.append((conversion, day, UNATTRIBUTED, NONE, 1.0, cents))
            continue
        days_before = ((end - times[rows.start : rows.stop]) / np.timedelta64(1, "D")).tolist()
        credits = share(Path(channel[rows.start : rows.stop], days_before), rules)
        values = cents_of(cents, credits)
        told.extend(
            (conversion, day, channel[row], campaign[row], part, value)
            for row, part, value in zip(rows, credits, values, strict=True)
        )
    return pd.DataFrame(told, columns=_CREDIT_COLUMNS)
