"""Touchpoints, conversions and the rule models, one conversion after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import numpy.typing as npt
import pandas as pd

from sandbox.world.ledger.observe import Observed
from sandbox.world.ledger.rules import CONVERSION_TYPES, CUSTOM, MODELS, NONE, UNATTRIBUTED, Rules

_CREDIT_COLUMNS = ["conversion", "day", "channel", "campaign", "content", "credit", "cents"]


def touchpoints(observed: Observed) -> pd.DataFrame:
    """Sessions, clicks in mails, meetings held, calls and encounters of known persons, each person's in order."""
    snapshot = observed.snapshot
    meetings = snapshot.meetings
    held = meetings[meetings["archived_at"].isna() & (meetings["outcome"] == "COMPLETED")]
    pieces = [
        observed.sessions[["person", "at", "id", "channel", "campaign", "content"]].assign(type="session"),
        observed.email_clicks[["person", "at", "id", "channel", "campaign"]].assign(type="email_click"),
        _sales(held, "meeting_id").assign(type="meeting"),
        _sales(snapshot.calls, "call_id").assign(type="call"),
        observed.encounters,
    ]
    touches = pd.concat(pieces, ignore_index=True)
    touches = touches[touches["person"].isin(observed.persons.index)].fillna({"content": NONE})
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
    """Leads, MQLs, opportunities and first wins (nothing is ordered on the company's site): type, id, person, company,
    instant, milestones and value in cents.
    """
    persons = observed.persons
    pieces = []
    for kind in ("lead", "mql"):
        reached = persons[persons[f"{kind}_at"].notna()]
        people = reached.assign(person=reached.index, company=reached["company_id"], created_at=None)
        pieces.append(_conversions(kind, people, reached[f"{kind}_at"], 0))
    pieces.append(_conversions("opportunity", deals, deals["created_at"], deals["created_cents"]))
    won = deals[deals["is_first_won"]]
    pieces.append(_conversions("customer", won, won["closed_at"], won["cents"]))
    told = pd.concat(pieces, ignore_index=True)
    return told.assign(lead_at=told["person"].map(persons["lead_at"]))


def _conversions(kind: str, what: pd.DataFrame, at: pd.Series, cents: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "type": kind,
            "conversion": np.asarray(what.index),
            "person": np.asarray(what["person"]),
            "company": np.asarray(what["company"]),
            "at": at.array,
            "opportunity_at": pd.to_datetime(what["created_at"], utc=True).array,
            "cents": np.asarray(cents) if not isinstance(cents, int) else cents,
        }
    )


@dataclass(frozen=True)
class Path:
    """The touches before a conversion: channels in order, days from each touch to the conversion, and which of them
    made the person a lead and the deal an opportunity, where one did.
    """

    channels: Sequence[str]
    days_before: Sequence[float]
    lead: int | None = None
    opportunity: int | None = None

    def __len__(self) -> int:
        return len(self.channels)


def _only(position: int, length: int) -> list[float]:
    return [1.0 if number == position else 0.0 for number in range(length)]


def first_touch(path: Path, _: Rules) -> list[float]:
    return _only(0, len(path))


def last_touch(path: Path, _: Rules) -> list[float]:
    return _only(len(path) - 1, len(path))


def _last_non_direct(path: Path) -> int:
    others = [number for number, channel in enumerate(path.channels) if channel != "direct"]
    return others[-1] if others else len(path) - 1


def last_non_direct(path: Path, _: Rules) -> list[float]:
    """The last touch that is not direct; of a path of direct visits the last."""
    return _only(_last_non_direct(path), len(path))


def linear(path: Path, _: Rules) -> list[float]:
    return [1.0 / len(path)] * len(path)


def position_based(path: Path, rules: Rules) -> list[float]:
    """40/20/40, or what is set; two touches share as the ends do, one has it all."""
    first, last = rules.position
    if len(path) <= 2:
        return [1.0] if len(path) == 1 else [first / (first + last), last / (first + last)]
    middle = (1.0 - first - last) / (len(path) - 2)
    return [first, *[middle] * (len(path) - 2), last]


def w_shaped(path: Path, _: Rules) -> list[float]:
    """30 each for the first, the lead-creating and the opportunity-creating touch, 10 for the others."""
    return by_roles(path, {"first": 30, "lead": 30, "opportunity": 30, "rest": 10})


def full_path(path: Path, _: Rules) -> list[float]:
    """22.5 each for those three and the last touch, 10 for the others."""
    return by_roles(path, {"first": 22.5, "lead": 22.5, "opportunity": 22.5, "last": 22.5, "rest": 10})


def custom(path: Path, rules: Rules) -> list[float]:
    if rules.custom is None:
        raise KeyError("no attribution model custom: Rules.custom gives no weights")
    return by_roles(path, rules.custom)


def by_roles(path: Path, weights: Mapping[str, float]) -> list[float]:
    """A touch has the weights of all roles it holds; touches without a role share the rest; all are scaled to 1."""
    places = {
        "first": 0,
        "last": len(path) - 1,
        "last_non_direct": _last_non_direct(path),
        "lead": path.lead,
        "opportunity": path.opportunity,
    }
    held: dict[int, float] = {}
    for role, weight in weights.items():
        place = places.get(role)
        if place is not None and weight:
            held[place] = held.get(place, 0.0) + weight
    without = len(path) - len(held)
    points = [held.get(number, weights.get("rest", 0.0) / max(without, 1)) for number in range(len(path))]
    whole = sum(points)
    return [point / whole if whole else 1.0 / len(path) for point in points]


def time_decay(path: Path, rules: Rules) -> list[float]:
    """A touch weighs half as much for every half-life it lies before the conversion."""
    nearest = min(path.days_before)  # a path of many half-lives ago has weights, too
    weights = [0.5 ** ((days - nearest) / rules.half_life_days) for days in path.days_before]
    return [weight / sum(weights) for weight in weights]


_MODELS: dict[str, Callable[[Path, Rules], list[float]]] = {
    "first_touch": first_touch,
    "last_touch": last_touch,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_based": position_based,
    "w_shaped": w_shaped,
    "full_path": full_path,
    "time_decay": time_decay,
    CUSTOM: custom,
}


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
    """The path of every conversion: the person's or company's touches in the lookback before it, to the microsecond."""
    if conversion_type not in CONVERSION_TYPES:
        raise KeyError(f"no conversion type {conversion_type}: there are {', '.join(CONVERSION_TYPES)}")
    rules, paths = observed.rules, observed.rules.paths[conversion_type]
    wanted = found[found["type"] == conversion_type].reset_index(drop=True)
    wanted = wanted.assign(owner=wanted["person"], day=observed.day(wanted["at"]))
    admitted = touches[touches["type"].isin(paths.touches)] if paths.touches else touches
    admitted = admitted.assign(owner=admitted["person"])
    if paths.of_company:
        company = "company " + wanted["company"].astype("string")
        wanted["owner"] = company.fillna(wanted["person"].astype("string"))
        colleagues = admitted.assign(owner="company " + admitted["person"].map(observed.persons["company_id"]))
        admitted = pd.concat([admitted, colleagues[colleagues["owner"].notna()]])
    admitted = admitted.sort_values(["owner", "at", "type", "id"], ignore_index=True)
    begins = wanted["at"] - pd.Timedelta(days=paths.lookback_days)
    if rules.since_previous:
        begins = begins.where(~(_previous(wanted) >= begins), _previous(wanted) + pd.Timedelta(microseconds=1))
    # Touches are sorted by owner and instant, so an owner's touches are one stretch of rows.
    stretch = admitted.groupby("owner", sort=False)["at"].agg(["size"])
    ends = stretch["size"].cumsum()
    starts = ends - stretch["size"]
    times, rows = _plain(admitted["at"]), []
    for owner, begin, at in zip(wanted["owner"], _plain(begins), _plain(wanted["at"]), strict=True):
        first, end = (starts[owner], ends[owner]) if owner in starts.index else (0, 0)
        start = np.searchsorted(times[first:end], begin, side="left")
        stop = np.searchsorted(times[first:end], at, side="right")
        rows.append(range(first + start, first + stop))
    return Journeys(wanted, admitted, rows)


def _plain(instants: pd.Series) -> npt.NDArray[np.datetime64]:
    """Instants in UTC as numpy compares them, to the microsecond."""
    return np.asarray(instants.dt.tz_localize(None), dtype="datetime64[us]")


def _previous(wanted: pd.DataFrame) -> pd.Series:
    """When the conversion before each was, of the same person or company; conversions of one instant are one."""
    instants = wanted[["owner", "at"]].drop_duplicates().sort_values(["owner", "at"])
    instants["before"] = instants.groupby("owner")["at"].shift()
    return wanted.merge(instants, on=["owner", "at"], how="left")["before"]


def credit(paths: Journeys, model: str, rules: Rules) -> pd.DataFrame:
    """One row per conversion and touch: day, channel, campaign, content, credit and cents; without a touch
    'unattributed'.
    """
    if model not in _MODELS:
        raise KeyError(f"no attribution model {model}: there are {', '.join(MODELS)}")
    share, touches, wanted = _MODELS[model], paths.touches, paths.conversions
    channel, campaign, content = (touches[name].to_list() for name in ("channel", "campaign", "content"))
    times = _plain(touches["at"])
    milestones = [_plain(wanted[name]) for name in ("at", "lead_at", "opportunity_at")]
    told: list[tuple[object, ...]] = []
    columns = zip(wanted["conversion"], wanted["day"], wanted["cents"].to_list(), paths.rows, *milestones, strict=True)
    for conversion, day, cents, rows, end, lead_at, opportunity_at in columns:
        if not rows:
            told.append((conversion, day, UNATTRIBUTED, NONE, NONE, 1.0, cents))
            continue
        own = times[rows.start : rows.stop]
        days_before = ((end - own) / np.timedelta64(1, "D")).tolist()
        made = [_milestone(own, at, end) for at in (lead_at, opportunity_at)]
        credits = share(Path(channel[rows.start : rows.stop], days_before, *made), rules)
        values = cents_of(cents, credits)
        told.extend(
            (conversion, day, channel[row], campaign[row], content[row], part, value)
            for row, part, value in zip(rows, credits, values, strict=True)
        )
    return pd.DataFrame(told, columns=_CREDIT_COLUMNS)


def _milestone(times: npt.NDArray[np.datetime64], at: np.datetime64, end: np.datetime64) -> int | None:
    """The last touch at or before a milestone that is in the path: not after the conversion, not before all touches."""
    if np.isnat(at) or at > end:
        return None
    return int(np.searchsorted(times, at, side="right")) - 1 if times[0] <= at else None
