"""Who was sent a campaign and what they did: `exports + /contacts/{id}/campaignStats → sends, email_activity, leaves`.

Brevo has no list of a campaign's recipients. Its exports name them and say who opened, clicked, bounced or left, at a
hundred calls an hour; a contact's statistics tell when, at 36,000 calls an hour. So six exports per campaign at most
(those whose total is zero are not made) tell whom to ask after, and one call per contact that did something tells all
of its campaigns at once, by the contact's number. Asking after every contact instead would cost a call for each that
did nothing, and lose who was deleted since. Brevo's history of webhooks needs a receiver on the internet and a plan.
"""

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingestion.http import PAGE_ATTEMPTS, Json
from ingestion.pacing import concurrently
from ingestion.privacy import Hasher
from ingestion.proxies import Proxies
from ingestion.sources.brevo import rows
from ingestion.sources.brevo.api import WORKERS, Brevo
from ingestion.sources.brevo.exports import Wanted, fetch
from ingestion.streams import Rows

# The longest range of days Brevo tells a contact's statistics of.
MAX_DAYS = 90
# Kind of export: what the campaign's total of it is called here.
EXPORTS = {
    "all": "sent",
    "openers": "unique_opens",
    "clickers": "unique_clicks",
    "hardBounces": "hard_bounces",
    "softBounces": "soft_bounces",
    "unsubscribed": "unsubscribes",
}
# Which part of a contact's statistics must speak of a campaign that an export names the contact for.
TOLD_IN = {"openers": "opened", "clickers": "clicked", "hardBounces": "hardBounces", "softBounces": "softBounces"}


@dataclass(frozen=True)
class Campaign:
    """A campaign to read the recipients of: its id, the UTC day it was sent, its totals."""

    id: str
    day: dt.date
    totals: Mapping[str, Any]


@dataclass
class Actor:
    """A contact that did something: its address and, per kind of export, the campaigns that name it."""

    address: str
    named: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Recipients:
    """Reads campaigns' recipients; `contacts` are Brevo's numbers of contacts by the hash of their address."""

    def __init__(
        self, brevo: Brevo, hasher: Hasher, proxies: Proxies, contacts: Mapping[str, str], today: dt.date
    ) -> None:
        self._brevo, self._hasher, self._proxies = brevo, hasher, proxies
        self._contacts, self._today = contacts, today
        self._lookback = dt.timedelta(days=brevo.settings.lookback_days)

    def read(self, campaigns: Sequence[Campaign]) -> Iterator[Rows]:
        """Rows of `sends`, `email_activity` and `unsubscribes`. While contacts of some campaigns are asked after, Brevo
        makes the exports of the next ones.
        """
        groups = [*self._groups(campaigns)]
        for group, exported in zip(groups, concurrently(self._exported, groups, 1), strict=True):
            yield from self._group(group, exported)

    def _exported(self, group: Sequence[Campaign]) -> dict[Wanted, list[str]]:
        wanted: list[tuple[Wanted, int | None]] = [
            ((each.id, kind), each.totals.get(total))
            for each in group
            for kind, total in EXPORTS.items()
            if kind == "all" or each.totals.get(total) != 0
        ]
        return fetch(self._brevo, wanted)

    def _groups(self, campaigns: Sequence[Campaign]) -> Iterator[list[Campaign]]:
        """Campaigns whose responses one call per contact tells: those sent within so many days."""
        most = dt.timedelta(days=MAX_DAYS - 2) - self._lookback
        group: list[Campaign] = []
        for each in sorted(campaigns, key=lambda each: each.day):
            if group and each.day - group[0].day > most:
                yield group
                group = []
            group.append(each)
        if group:
            yield group

    def _group(self, group: Sequence[Campaign], exported: Mapping[Wanted, list[str]]) -> Iterator[Rows]:
        for each in group:
            yield Rows("sends", _sends(each, exported))
        actors = self._actors(exported)
        days = {each.id: each.day for each in group}
        left: dict[tuple[str, str], str | None] = {
            (campaign, address): None
            for (campaign, kind), addresses in exported.items()
            if kind == "unsubscribed"
            for address in addresses
        }
        for actor, answers in concurrently(
            lambda item: (item[1], self._statistics(*item, days)), actors.items(), WORKERS
        ):
            yield Rows("email_activity", list(self._activity(actor, answers, days)))
            for campaign, at in rows.leaves(answers):
                if (campaign, actor.address) in left:
                    left[campaign, actor.address] = at
        filed = [
            {"send_day": days[campaign], "campaign_id": campaign, "email_hash": address, "occurred_at": at}
            for (campaign, address), at in left.items()
        ]
        yield Rows("unsubscribes", filed)

    def _actors(self, exported: Mapping[Wanted, list[str]]) -> dict[str, Actor]:
        """Whoever did something, by Brevo's number. Of one that Brevo no longer holds it tells nothing more."""
        actors: dict[str, Actor] = {}
        for (campaign, kind), addresses in exported.items():
            for address in addresses if kind != "all" else ():
                number = self._contacts.get(self._hasher.email(address))
                if number is not None:
                    actors.setdefault(number, Actor(address)).named[kind].add(campaign)
        return actors

    def _statistics(self, number: str, actor: Actor, days: Mapping[str, dt.date]) -> list[Json]:
        """What a contact did, from the day before the first of its campaigns was sent to the end of its look-back."""
        mine = [days[campaign] for campaigns in actor.named.values() for campaign in campaigns]
        first = min(mine) - dt.timedelta(days=1)
        last = max(min(max(mine) + self._lookback + dt.timedelta(days=1), self._today), first)
        ranges = []
        while first <= last:
            end = min(first + dt.timedelta(days=MAX_DAYS), last)
            ranges.append((first, end))
            first = end + dt.timedelta(days=1)
        return self._settled(number, actor, ranges, days)

    def _settled(
        self, number: str, actor: Actor, ranges: Sequence[tuple[dt.date, dt.date]], campaigns: Collection[str]
    ) -> list[Json]:
        """The answers, which do not say whose they are: they are believed where they tell what the exports do, or came
        twice alike.
        """
        before: list[Json] | None = None
        for attempt in range(PAGE_ATTEMPTS):
            if attempt:
                time.sleep(self._brevo.settings.backoff_seconds * 2**attempt)
            found = [self._brevo.contact_statistics(number, first, last) for first, last in ranges]
            if found == before or _agree(found, actor, campaigns):
                return found
            before = found
        raise self._brevo.error(
            f"the statistics of a contact differ from answer to answer, {PAGE_ATTEMPTS} times; nothing was loaded, run"
            " it again later",
            transient=True,
        )

    def _activity(self, actor: Actor, answers: Sequence[Json], days: Mapping[str, dt.date]) -> Iterator[dict[str, Any]]:
        """A contact's doings with these campaigns, until the look-back of each ends: later ones are read by no pull."""
        by_campaign: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for campaign, did in rows.activity(answers, self._proxies.hold):
            if campaign in days and rows.day(did["occurred_at"]) <= days[campaign] + self._lookback:
                by_campaign[campaign].append(did)
        for campaign, found in by_campaign.items():
            filed = {"send_day": days[campaign], "campaign_id": campaign, "email_hash": actor.address}
            for did in rows.numbered(found, ("action", "occurred_at")):
                yield {**filed, **did}


def _agree(answers: Sequence[Json], actor: Actor, campaigns: Collection[str]) -> bool:
    """Whether statistics tell of these campaigns what the exports do."""
    for kind, member in TOLD_IN.items():
        told = {str(each["campaignId"]) for answer in answers for each in answer.get(member) or ()}
        if told.intersection(campaigns) != actor.named[kind]:
            return False
    left = {campaign for campaign, _ in rows.leaves(answers)}
    return left.intersection(campaigns) == actor.named["unsubscribed"]


def _sends(campaign: Campaign, exported: Mapping[Wanted, list[str]]) -> list[dict[str, Any]]:
    hard, soft = (set(exported.get((campaign.id, kind), ())) for kind in ("hardBounces", "softBounces"))
    return [
        {
            "send_day": campaign.day,
            "campaign_id": campaign.id,
            "email_hash": address,
            "status": "hard" if address in hard else "soft" if address in soft else "sent",
        }
        for address in exported[campaign.id, "all"]
    ]
