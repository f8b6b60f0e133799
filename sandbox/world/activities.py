"""What salespeople do: meetings and demos (moved, called off, missed, still to come), calls and one-to-one mails."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import clock
from sandbox.world.draw import Bools, Draw, Floats, Ints, spread
from sandbox.world.people import Cast
from sandbox.world.text import Texts

DISCOVERY, DEMO, FOLLOW_UP = 0, 1, 2
COMPLETED, NO_SHOW, CANCELED = 0, 1, 2
OUTCOMES = ("COMPLETED", "NO_SHOW", "CANCELED")
_NO_DEAL = -1


def meetings_of(cast: Cast, deals: pd.DataFrame) -> pd.DataFrame:
    """Planned meetings: who, when booked, when due, when moved, how it ends."""
    pieces = [_qualifying(cast)]
    deal = Draw(deals["key"].to_numpy())
    lasts = np.minimum(deals["closed_day"].to_numpy(), deals["day"].to_numpy() + 70) - deals["day"].to_numpy()
    for number, kind, probability, low, high in (
        (1, DEMO, 0.8, 0.02, 0.25),
        (2, FOLLOW_UP, 0.42, 0.3, 0.55),
        (3, DEMO, 0.18, 0.35, 0.6),
        (4, FOLLOW_UP, 0.2, 0.6, 0.9),
    ):
        rows = np.flatnonzero(deal.chance(f"meets {number}", probability))
        day = (
            deals["day"].to_numpy()[rows]
            + 1
            + (lasts[rows] * deal.at(rows).uniform(f"books {number}", low, high)).astype(np.int64)
        )
        pieces.append(
            pd.DataFrame(
                {
                    "key": deal.at(rows).child("meeting", number).keys,
                    "number": (1 << 40) + deals["number"].to_numpy()[rows] * 10 + number,
                    "person": deals["primary"].to_numpy()[rows],
                    "deal": rows,
                    "owner": deals["owner"].to_numpy()[rows],
                    "kind": kind,
                    "book_day": day,
                }
            )
        )
    meetings = _schedule(pd.concat(pieces, ignore_index=True))
    return meetings[meetings["created"] < cast.horizon].reset_index(drop=True)


def _qualifying(cast: Cast) -> pd.DataFrame:
    """Discovery meetings with qualified leads, before there is a deal."""
    contacts = cast.contacts
    draw = Draw(contacts["key"].to_numpy())
    buys = cast.accounts["has_deal"].to_numpy()[contacts["account"]] & (contacts["slot"] == 0).to_numpy()
    rows = np.flatnonzero(contacts["works"].to_numpy() & draw.chance("meets", np.where(buys, 0.7, 0.2)))
    after = np.maximum(contacts["form_day"].to_numpy()[rows], contacts["sql_day"].to_numpy()[rows] - 3)
    return pd.DataFrame(
        {
            "key": draw.at(rows).child("discovery").keys,
            "number": (1 << 39) + contacts["number"].to_numpy()[rows],
            "person": rows,
            "deal": _NO_DEAL,
            "owner": cast.accounts["owner"].to_numpy()[contacts["account"].to_numpy()[rows]],
            "kind": DISCOVERY,
            "book_day": after + 1,
        }
    )


def _schedule(meetings: pd.DataFrame) -> pd.DataFrame:
    """From booking to outcome, in business days: at most one move and one cancellation, each on a day of its own."""
    draw = Draw(meetings["key"].to_numpy())
    book_day = clock.business(meetings["book_day"].to_numpy())
    notice = draw.integers("notice", 1, 10)
    moves = (notice >= 3) & draw.chance("moves", 0.14)
    move_after = draw.integers("move after", 1, np.maximum(notice - 1, 1))
    delay = np.where(moves, draw.integers("delay", 1, 7), 0)
    due = notice + delay
    earliest = np.where(moves, move_after, 0) + 1
    cancels = (due - 1 >= earliest) & draw.chance("cancels", 0.1)
    cancel_after = draw.integers("cancel after", earliest, np.maximum(due - 1, earliest))
    outcome = np.where(cancels, CANCELED, np.where(draw.chance("no show", 0.09), NO_SHOW, COMPLETED))
    length = np.where(meetings["kind"] == DEMO, 60, 30) * clock.MINUTE
    slot: Floats = draw.uniform("slot")
    start = clock.office(clock.business(book_day, due), slot, 30)
    ends = start + length
    closing = ends + draw.integers("noted", 2, 90) * clock.MINUTE
    canceled = clock.office(clock.business(book_day, cancel_after), draw.uniform("cancel at")) + 29 * clock.SECOND
    archive_day = clock.business(book_day, due + draw.integers("archived after", 1, 20))
    gone: Bools = draw.chance("archived", 0.006)
    return meetings.assign(
        created=clock.office(book_day, draw.uniform("booked")) + 31 * clock.SECOND,
        first_start=clock.office(clock.business(book_day, notice), slot, 30),
        start=start,
        length=length,
        moved=np.where(moves, clock.office(clock.business(book_day, move_after), draw.uniform("moved")), clock.NEVER),
        outcome=outcome,
        decided=np.where(cancels, canceled, closing),
        archived=np.where(gone, clock.office(archive_day, draw.uniform("gone")), clock.NEVER),
    )


def meeting_history(meetings: pd.DataFrame) -> pd.DataFrame:
    """Planned changes of outcome and start: meeting row, property, value, instant."""
    rows = np.arange(len(meetings))
    moved = np.flatnonzero(meetings["moved"].to_numpy() < clock.NEVER)
    created, moved_at = meetings["created"].to_numpy(), meetings["moved"].to_numpy()[moved]
    endings = np.array(OUTCOMES, dtype=object)[meetings["outcome"].to_numpy()]
    outcome, start = "hs_meeting_outcome", "hs_meeting_start_time"
    pieces = [
        _changes(rows, outcome, "SCHEDULED", created),
        _changes(rows, start, _iso(meetings["first_start"].to_numpy()), created),
        # The old slot is given up, the new one agreed a minute later: the meeting stands again.
        _changes(moved, outcome, "RESCHEDULED", moved_at),
        _changes(moved, start, _iso(meetings["start"].to_numpy()[moved]), moved_at + clock.MINUTE),
        _changes(moved, outcome, "SCHEDULED", moved_at + clock.MINUTE),
        _changes(rows, outcome, endings, meetings["decided"].to_numpy()),
    ]
    history = pd.concat(pieces, ignore_index=True)
    # An archived meeting changes no more.
    history = history.loc[history["at"] < meetings["archived"].to_numpy()[history["meeting"].to_numpy()]]
    ordered: pd.DataFrame = history.sort_values(["meeting", "at", "property"], ignore_index=True)
    return ordered


def _changes(rows: Ints, name: str, value: object, at: Ints) -> pd.DataFrame:
    return pd.DataFrame({"meeting": rows, "property": name, "value": value, "at": at})


def _iso(instants: Ints) -> Texts:
    seconds = instants.astype("datetime64[us]").astype("datetime64[s]").astype(str)
    return np.array([f"{second}Z" for second in seconds], dtype=object)


def touches_of(cast: Cast, deals: pd.DataFrame, what: str, per_lead: float, per_deal: float, most: int) -> pd.DataFrame:
    """Calls or mails to worked leads and open deals: person, deal row (or -1), owner, number and instant."""
    contacts = cast.contacts
    lead = Draw(contacts["key"].to_numpy())
    wanted = np.where(contacts["works"], lead.geometric(what, per_lead), 0)
    rows, number = spread(np.minimum(wanted, most))
    draw = lead.at(rows).child(what, number)
    day = contacts["form_day"].to_numpy()[rows] + 1 + draw.exponential("when", 6.0).astype(np.int64)
    owner = cast.accounts["owner"].to_numpy()[contacts["account"].to_numpy()[rows]]
    early = _touch(
        draw, rows, np.full(len(rows), _NO_DEAL), owner, contacts["number"].to_numpy()[rows] * 100 + number, day
    )
    deal = Draw(deals["key"].to_numpy())
    rows, number = spread(np.minimum(deal.geometric(what, per_deal), most))
    draw = deal.at(rows).child(what, number)
    lasts = np.minimum(deals["closed_day"].to_numpy(), deals["day"].to_numpy() + 60) - deals["day"].to_numpy()
    day = deals["day"].to_numpy()[rows] + 1 + (lasts[rows] * draw.uniform("when", 0.0, 0.95)).astype(np.int64)
    numbers = (1 << 41) + deals["number"].to_numpy()[rows] * 100 + number
    late = _touch(draw, deals["primary"].to_numpy()[rows], rows, deals["owner"].to_numpy()[rows], numbers, day)
    touches = pd.concat([early, late], ignore_index=True)
    return touches[touches["at"] < cast.horizon].sort_values(["at", "number"], ignore_index=True)


def _touch(draw: Draw, person: Ints, deal: Ints, owner: Ints, number: Ints, day: Ints) -> pd.DataFrame:
    at = clock.office(clock.business(day), draw.uniform("at")) + draw.integers("second", 1, 59) * clock.SECOND + 500_000
    return pd.DataFrame(
        {
            "key": draw.keys,
            "number": number,
            "person": person,
            "deal": deal,
            "owner": owner,
            "at": at,
            "is_inbound": draw.chance("inbound", 0.25),
            "result": draw.pick("result", (0.46, 0.34, 0.2)),
            "seconds": np.round(draw.lognormal("seconds", 240.0, 0.9)).astype(np.int64) + 15,
            "noted_after": draw.integers("noted", 20, 600),
        }
    )
