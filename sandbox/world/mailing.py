"""The email platform: two campaigns a week, their recipients, and what people and machines did with them.

Every (member, campaign) pair has its own key. Whoever unsubscribes or bounces hard gets nothing more from that instant,
and nobody is mailed for longer than `_SUNSET` after opting in: a company's list does not grow for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.draw import Draw, Ints, keys, spread
from sandbox.world.people import WEB, Cast

TUESDAY, THURSDAY = 1, 3
_LONGEST = 20 * 24 * clock.HOUR  # nobody answers a mail later: platforms are re-read for thirty days after a send
_SUNSET = 800 * 24 * clock.HOUR
_LIST_SHARE = (0.62, 0.38)  # of the opted-in contacts, per list
SITE = "https://www.kpilote-demo.example"
UNSUBSCRIBE_URL = "https://kpilote-demo.us1.list-manage.example/unsubscribe"


@dataclass(frozen=True)
class Mailing:
    """Planned campaigns, list members, sends and events; `person` is a contact row."""

    campaigns: pd.DataFrame
    members: pd.DataFrame
    sends: pd.DataFrame
    activity: pd.DataFrame
    leaves: pd.DataFrame


def mailing_of(cast: Cast) -> Mailing:
    campaigns = _campaigns(cast)
    members = _members(cast)
    sends = _sends(campaigns, members)
    leaves = sends[sends["leaves_at"] < cast.horizon]
    activity = _activity(sends, campaigns)
    activity = activity[activity["at"] < cast.horizon].sort_values(["at", "send", "action"], ignore_index=True)
    return Mailing(campaigns, members, sends, activity, leaves)


def _campaigns(cast: Cast) -> pd.DataFrame:
    days = np.arange(cast.start, cast.until, dtype=np.int64)
    weekday = (days + 3) % 7
    days = days[(weekday == TUESDAY) | (weekday == THURSDAY)]
    draw = Draw(keys(cast.seed, "campaign", days))
    which = (((days + 3) % 7) == THURSDAY).astype(np.int64)
    send = clock.office(days, draw.uniform("send", 0.0, 0.35), 15)
    campaigns = pd.DataFrame(
        {
            "key": draw.keys,
            "day": days,
            "list": which,
            "topic": draw.integers("topic", 0, len(cat.EMAIL_TOPICS) - 1),
            "send": send,
            "appeal": draw.lognormal("appeal", 1.0, 0.12),
        }
    )
    return campaigns[campaigns["send"] < cast.horizon].reset_index(drop=True)


def _members(cast: Cast) -> pd.DataFrame:
    """Subscriptions to a list: contacts who opted in, some to both lists; never test or duplicate records."""
    contacts = cast.contacts
    person = Draw(contacts["key"].to_numpy())
    opts_in = (
        person.chance("opts in", np.where(contacts["origin"] == WEB, 0.5, 0.28)) | contacts["is_subscriber"].to_numpy()
    )
    opts_in &= ~contacts["is_duplicate"].to_numpy() & ~contacts["is_test"].to_numpy()
    favourite = person.pick("list", _LIST_SHARE)
    both = person.chance("both lists", 0.08)
    pieces = []
    for number in range(len(cat.EMAIL_LISTS)):
        rows = np.flatnonzero(opts_in & ((favourite == number) | both))
        draw = person.at(rows).child("member", number)
        opted = contacts["created"].to_numpy()[rows] + draw.integers("opted", 5, 900) * clock.SECOND
        pieces.append(
            pd.DataFrame(
                {
                    "key": draw.keys,
                    "person": rows,
                    "list": number,
                    "opted_in": opted,
                    "opens": np.clip(draw.lognormal("opens", 0.17, 0.75), 0.0, 0.9),
                    "is_private": person.at(rows).chance("private", 0.18),
                    "is_dead": person.at(rows).chance("dead", 0.022),
                }
            )
        )
    members = pd.concat(pieces, ignore_index=True)
    return members[members["opted_in"] < cast.horizon].reset_index(drop=True)


def _sends(campaigns: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Every send that took place, with its fate; `leaves_at` is an unsubscribe that follows it (or NEVER)."""
    pieces = []
    for number in range(len(cat.EMAIL_LISTS)):
        owned = np.flatnonzero(campaigns["list"].to_numpy() == number)
        rows = np.flatnonzero(members["list"].to_numpy() == number)
        send_times = campaigns["send"].to_numpy()[owned]
        opted_in = members["opted_in"].to_numpy()[rows]
        first = np.searchsorted(send_times, opted_in, side="right")
        at, later = spread(np.searchsorted(send_times, opted_in + _SUNSET, side="right") - first)
        pieces.append(pd.DataFrame({"member": rows[at], "campaign": owned[first[at] + later]}))
    sends = pd.concat(pieces, ignore_index=True)
    draw = Draw(keys(members["key"].to_numpy()[sends["member"]], campaigns["key"].to_numpy()[sends["campaign"]]))
    at = campaigns["send"].to_numpy()[sends["campaign"]]
    dead = members["is_dead"].to_numpy()[sends["member"]]
    hard = dead & draw.chance("hard", 0.85) | draw.chance("gone", 0.0007)
    leaves = ~hard & draw.chance("leaves", 0.0026)
    after = (draw.lognormal("leaves after", 5.0, 1.4) * clock.HOUR).astype(np.int64) // clock.SECOND * clock.SECOND
    sends = sends.assign(
        key=draw.keys,
        person=members["person"].to_numpy()[sends["member"]],
        list=members["list"].to_numpy()[sends["member"]],
        opens=members["opens"].to_numpy()[sends["member"]],
        is_private=members["is_private"].to_numpy()[sends["member"]],
        at=at,
        is_hard=hard,
        is_soft=~hard & draw.chance("soft", 0.006),
        leaves_at=np.where(leaves, at + np.clip(after, 90 * clock.SECOND, _LONGEST), clock.NEVER),
    )
    sends["leaves_at"] = np.where(sends["is_soft"], clock.NEVER, sends["leaves_at"])
    stop = np.where(sends["is_hard"], sends["at"], sends["leaves_at"])
    ends = np.full(len(members), clock.NEVER, dtype=np.int64)
    np.minimum.at(ends, sends["member"].to_numpy(), stop)
    sends = sends.loc[sends["at"] <= ends[sends["member"].to_numpy()]].copy()
    # A later send may carry an unsubscribe of its own; people leave a list once.
    own_end = ends[sends["member"].to_numpy()]
    sends["leaves_at"] = np.where(sends["leaves_at"] == own_end, sends["leaves_at"], clock.NEVER)
    ordered: pd.DataFrame = sends.sort_values(["at", "member"], ignore_index=True)
    return ordered


def _activity(sends: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    """Opens by people and machines, clicks, clicks on the link to leave: send row, action, instant, url, machine."""
    draw = Draw(sends["key"].to_numpy())
    delivered = ~(sends["is_hard"] | sends["is_soft"]).to_numpy()
    wants = sends["opens"].to_numpy() * campaigns["appeal"].to_numpy()[sends["campaign"]]
    leaves = sends["leaves_at"].to_numpy() < clock.NEVER
    opens = delivered & (draw.chance("opens", wants) | leaves)
    delay = (draw.lognormal("read after", 5.0, 1.7) * clock.HOUR).astype(np.int64) // clock.SECOND * clock.SECOND
    first_open = sends["at"].to_numpy() + np.clip(delay, 45 * clock.SECOND, _LONGEST)
    first_open = np.where(leaves, np.minimum(first_open, sends["leaves_at"] - 30 * clock.SECOND), first_open)
    clicks = opens & draw.chance("clicks", 0.135)
    left, left_at = np.flatnonzero(leaves), sends["leaves_at"].to_numpy()[leaves] - 5 * clock.SECOND
    scans = delivered & sends["is_private"].to_numpy()
    scan_at = sends["at"].to_numpy() + draw.integers("scanned after", 20, 3600) * clock.SECOND
    rows = np.flatnonzero(opens)
    again, number = spread(np.minimum(draw.geometric("again", 0.35), 5)[rows])
    repeat = draw.at(rows[again]).child("again", number)
    later = first_open[rows[again]] + repeat.integers("later", 60, 500_000) * clock.SECOND
    second_click = clicks & draw.chance("clicks twice", 0.18)
    click_at = first_open + draw.integers("clicked after", 8, 400) * clock.SECOND
    return pd.concat(
        [
            _events(sends, rows, "open", first_open[rows], None, False),
            _events(sends, rows[again], "open", later, None, False),
            _events(sends, np.flatnonzero(scans), "open", scan_at[scans], None, True),
            _clicks(sends, campaigns, clicks, click_at, 0, False),
            _clicks(sends, campaigns, second_click, click_at + 41 * clock.SECOND, 1, False),
            _clicks(sends, campaigns, scans & draw.chance("scanner clicks", 0.03), scan_at + clock.SECOND, 0, True),
            _events(sends, left, "click", left_at, UNSUBSCRIBE_URL, False),
        ],
        ignore_index=True,
    )


def _clicks(
    sends: pd.DataFrame, campaigns: pd.DataFrame, which: object, at: object, link: int, machine: bool
) -> pd.DataFrame:
    rows = np.flatnonzero(np.asarray(which))
    page = ("/product", "/demo")[link]
    utm = campaign_names(campaigns)[sends["campaign"].to_numpy()[rows]]
    urls = np.array(
        [f"{SITE}{page}?utm_source=mailchimp&utm_medium=email&utm_campaign={name}" for name in utm], dtype=object
    )
    return _events(sends, rows, "click", np.asarray(at)[rows], urls, machine)


def _events(sends: pd.DataFrame, rows: Ints, action: str, at: Ints, url: object, machine: bool) -> pd.DataFrame:
    return pd.DataFrame({"send": rows, "action": action, "at": at, "url": url, "is_machine": machine})


def campaign_names(campaigns: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """The utm_campaign of each campaign: its list and day."""
    prefix = ("newsletter", "product")
    days = campaigns["day"].to_numpy().astype("datetime64[D]").astype(str)
    return np.array([f"{prefix[kind]}-{day}" for kind, day in zip(campaigns["list"], days, strict=True)], dtype=object)


def landing_clicks(mailing: Mailing) -> pd.DataFrame:
    """The first click of each person on each campaign's own links: what opens a session on the site."""
    activity, sends = mailing.activity, mailing.sends
    human = activity[(activity["action"] == "click") & ~activity["is_machine"] & (activity["url"] != UNSUBSCRIBE_URL)]
    first = human.drop_duplicates("send")
    send = sends.iloc[first["send"].to_numpy()]
    names = campaign_names(mailing.campaigns)
    return pd.DataFrame(
        {
            "key": send["key"].to_numpy().view(np.int64),
            "person": send["person"].to_numpy(),
            "at": first["at"].to_numpy(),
            "utm_campaign": names[send["campaign"].to_numpy()],
        }
    )
