"""Brevo's numbers: the totals of a campaign, and what one contact did in a range of days.

Brevo counts: of opens it tells one row per campaign and address of the net, of clicks one per link and address of the
net, with how often and one instant. That the instant is the first, and that addresses of the net are told apart, is
assumed: the documentation shows both fields and explains neither. Belongs here: sums. Does not: what is summed
(`brevo_records`).
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from sandbox.apis.answers import Json
from sandbox.apis.brevo_records import Account, Event

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
    days = first.isoformat(), last.isoformat()
    events = [each for each in account.of_contact.get(number, []) if days[0] <= each.at[:10] <= days[1]]
    told: Json = {}
    for kind in ("messagesSent", "delivered", "hardBounces", "softBounces"):
        told[kind] = [_plain(each) for each in events if each.kind == kind]
    told["opened"] = [
        {"campaignId": campaign, **counted} for (campaign, _, _), counted in _counted(events, "opened").items()
    ]
    links: dict[int, list[Json]] = {}
    for (campaign, _, url), counted in _counted(events, "clicked").items():
        links.setdefault(campaign, []).append({**counted, "url": url})
    told["clicked"] = [{"campaignId": campaign, "links": found} for campaign, found in links.items()]
    left = [_plain(each) for each in events if each.kind == "userUnsubscription"]
    if left:
        told["unsubscriptions"] = {"userUnsubscription": left, "adminUnsubscription": []}
    return {kind: found for kind, found in told.items() if found}


def _plain(event: Event) -> Json:
    return {"campaignId": event.campaign, "eventTime": event.at}


def _counted(events: list[Event], kind: str) -> dict[tuple[int, str | None, str | None], Json]:
    """How often each campaign was opened, or each of its links clicked, per address of the net, and when first."""
    found: dict[tuple[int, str | None, str | None], Json] = {}
    for each in sorted((each for each in events if each.kind == kind), key=lambda each: each.at):
        told = found.setdefault((each.campaign, each.ip, each.url), {"count": 0, "eventTime": each.at, "ip": each.ip})
        told["count"] += 1
    return found
