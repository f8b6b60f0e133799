"""Brevo's numbers: the totals of a campaign, and what one contact did in a range of days.

Brevo counts: of opens it tells one row per campaign and address of the net, of clicks one per link and address of the
net, with how often and one instant. That the instant is the first, and that addresses of the net are told apart, is
assumed: the documentation shows both fields and explains neither. Belongs here: sums. Does not: what is summed
(`brevo_records`).
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from sandbox.apis.answers import Json, texts
from sandbox.apis.brevo_records import Account, moments

REMEMBERED = pd.DateOffset(months=6)
_NAMES = (
    "uniqueClicks", "clickers", "complaints", "delivered", "sent", "softBounces", "hardBounces", "uniqueViews",
    "trackableViews", "unsubscriptions", "viewed", "deferred", "returnBounce",
)  # fmt: skip


def statistics(account: Account, number: int, wanted: str | None, *, whole: bool) -> Json:
    """The statistics of a campaign with the one kind asked for; unless `whole`, of the last six months only."""
    since = None if whole else account.now - REMEMBERED
    totals = _totals(account, number, since)
    row = account.campaigns.iloc[int(account.campaign_numbers.searchsorted(number))]
    per_list = {**totals, "listId": account.lists[str(row["list_id"])]}
    return {
        **empty_statistics(),
        "campaignStats": [per_list] if totals["sent"] else [],
        **({"globalStats": totals} if wanted == "globalStats" else {}),
        **({"linksStats": _links(account, number, since)} if wanted == "linksStats" else {}),
    }


def empty_statistics() -> Json:
    """What Brevo shows where it was not asked, or has forgotten: every total a zero."""
    return {
        "globalStats": dict.fromkeys(_NAMES, 0), "campaignStats": [], "mirrorClick": 0, "remaining": 0,
        "linksStats": {}, "statsByDomain": {}, "statsByDevice": {}, "statsByBrowser": {},
    }  # fmt: skip


def _after(rows: pd.DataFrame, at: str, since: pd.Timestamp | None) -> pd.DataFrame:
    return rows if since is None else rows[rows[at] >= since]


def _totals(account: Account, number: int, since: pd.Timestamp | None) -> Json:
    doings = account.of_campaign
    sends = _after(doings.sends.rows(number), "sent_at", since)
    activity = _after(doings.activity.rows(number), "at", since)
    opens, clicks = activity[activity["action"] == "open"], activity[activity["action"] == "click"]
    hard, soft = (int((sends["bounce"] == kind).sum()) for kind in ("hard", "soft"))
    return {
        **dict.fromkeys(_NAMES, 0),
        "sent": len(sends),
        "delivered": len(sends) - hard - soft,
        "hardBounces": hard,
        "softBounces": soft,
        "returnBounce": hard + soft,
        "viewed": len(opens),
        "uniqueViews": int(opens["contact"].nunique()),
        "trackableViews": int(opens.loc[~opens["is_machine"], "contact"].nunique()),
        "clickers": len(clicks),
        "uniqueClicks": int(clicks["contact"].nunique()),
        "unsubscriptions": len(_after(doings.leaves.rows(number), "at", since)),
    }


def _links(account: Account, number: int, since: pd.Timestamp | None) -> Json:
    activity = _after(account.of_campaign.activity.rows(number), "at", since)
    return {str(url): int(times) for url, times in activity["url"].dropna().value_counts(sort=False).items()}


def contact_statistics(account: Account, number: int, first: date, last: date) -> Json:
    """What one contact did on these days (UTC, both included); kinds in which there is nothing are left out."""
    start, end = pd.Timestamp(first, tz="UTC"), pd.Timestamp(last, tz="UTC") + pd.Timedelta(days=1)
    sends, activity, leaves = (
        rows[(rows[at] >= start) & (rows[at] < end)]
        for rows, at in zip((each.rows(number) for each in account.of_contact), ("sent_at", "at", "at"), strict=True)
    )
    kinds: Json = {
        "messagesSent": _plain(sends, "sent_at"),
        "delivered": _plain(sends[sends["bounce"].isna()], "sent_at"),
        "hardBounces": _plain(sends[sends["bounce"] == "hard"], "sent_at"),
        "softBounces": _plain(sends[sends["bounce"] == "soft"], "sent_at"),
        "opened": _counted(activity[activity["action"] == "open"], []),
        "clicked": _clicked(activity[activity["action"] == "click"]),
    }
    left = _plain(leaves, "at")
    if left:
        kinds["unsubscriptions"] = {"userUnsubscription": left, "adminUnsubscription": []}
    return {name: found for name, found in kinds.items() if found}


def _plain(rows: pd.DataFrame, at: str) -> list[Json]:
    pairs = zip(rows["campaign"].tolist(), moments(rows[at]), strict=True)
    return [{"campaignId": campaign, "eventTime": moment} for campaign, moment in pairs]


def _counted(rows: pd.DataFrame, more: list[str]) -> list[Json]:
    groups = rows.groupby(["campaign", "ip", *more], sort=False).agg(times=("at", "size"), first=("at", "min"))
    groups = groups.reset_index()
    columns = zip(
        groups["campaign"].tolist(), groups["times"].tolist(), moments(groups["first"]), texts(groups["ip"]),
        *(texts(groups[name]) for name in more), strict=True,
    )  # fmt: skip
    names = ("campaignId", "count", "eventTime", "ip", *more)
    return [dict(zip(names, values, strict=True)) for values in columns]


def _clicked(rows: pd.DataFrame) -> list[Json]:
    found: dict[int, list[Json]] = {}
    for link in _counted(rows, ["url"]):
        found.setdefault(link.pop("campaignId"), []).append(link)
    return [{"campaignId": campaign, "links": links} for campaign, links in found.items()]
