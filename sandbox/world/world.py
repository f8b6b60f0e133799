"""The company: seed, start and scale in, a snapshot of any day out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from sandbox.world import (
    activities,
    browsers,
    clock,
    contacts,
    contracts,
    deals,
    encounters,
    mailing,
    money,
    people,
    plan,
    post,
    records,
    traces,
    visits,
)
from sandbox.world.people import Cast
from sandbox.world.snapshot import Snapshot

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class World:
    """A pure function of its fields: two worlds that are equal give equal snapshots, on any machine and any day."""

    seed: int = 7
    start: date = date(2024, 11, 1)
    scale: float = 1.0

    def snapshot(self, until: date) -> Snapshot:
        """Everything knowable at 00:00 (Europe/Paris) of `until`. ValueError before the world's first day ends."""
        if until <= self.start:
            raise ValueError(f"the world starts on {self.start}: its first snapshot is of the day after, not {until}")
        cast = people.cast_of(self.seed, clock.day_number(self.start), self.scale, clock.day_number(until))
        deal_plan = deals.deals_of(cast)
        frames = {
            **_people_frames(cast, deal_plan),
            **_money_frames(cast),
            **_activity_frames(cast, deal_plan),
        }
        typed = {name: _typed(frame) for name, frame in frames.items()}
        return Snapshot(seed=self.seed, start=self.start, scale=self.scale, until=until, **typed)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns stay text also where a small world leaves them empty."""
    texts = [name for name in frame.columns if frame[name].dtype == object]
    return frame.astype(dict.fromkeys(texts, "str"))


def _people_frames(cast: Cast, deal_plan: pd.DataFrame) -> Frames:
    """Whoever visits, reads, buys and pays: their identities are tied to each other, so they are told together."""
    history = _deal_history(deal_plan)
    last_amount = deal_plan["a2"].fillna(deal_plan["a1"]).fillna(deal_plan["a0"])
    contract_plan = contracts.contracts_of(cast, deal_plan, (last_amount / 12).round(2))
    customer_from = contracts.active_from(cast, contract_plan)
    mail = mailing.mailing_of(cast)
    sessions = visits.visits_of(cast, deal_plan, customer_from, mailing.landing_clicks(mail))
    opportunity, customer, links = contacts.stage_dates(cast, deal_plan)
    captured, logins = browsers.form_clients(cast, sessions), visits.logins_from(cast, customer_from)
    addresses = contacts.addresses(cast)
    return {
        "owners": records.owners(cast),
        "pipelines": records.pipelines(cast),
        "companies": contacts.companies(cast),
        "contacts": contacts.contacts(cast, (opportunity, customer), captured, logins),
        "deals": records.deals(cast, deal_plan, history),
        "deal_contacts": records.deal_contacts(cast, deal_plan, links),
        "subscriptions": records.subscriptions(cast, contract_plan),
        "sessions": traces.sessions(cast, sessions),
        "email_lists": post.email_lists(cast),
        "email_members": post.email_members(cast, mail, addresses),
        "email_campaigns": post.email_campaigns(mail),
        "email_sends": post.email_sends(cast, mail, addresses),
        "email_activity": post.email_activity(cast, mail, addresses),
        "email_unsubscribes": post.email_unsubscribes(cast, mail, addresses),
        "touches": encounters.touches(cast, addresses),
    }


def _money_frames(cast: Cast) -> Frames:
    seed, start, scale, until = cast.seed, cast.start, cast.scale, cast.until
    return {
        "ad_spend": money.ad_spend(seed, start, scale, until),
        "marketing_costs": money.marketing_costs(seed, start, scale, until),
        "fx_rates": money.fx_rates(seed, start, until),
        "targets": plan.targets(start, scale, until),
        "benchmarks": plan.benchmarks(),
    }


def _deal_history(deal_plan: pd.DataFrame) -> pd.DataFrame:
    """Planned history of the deals until each was archived."""
    history = deals.history_of(deal_plan)
    ends = deal_plan["archived"].to_numpy()[history["deal"].to_numpy()]
    alive: pd.DataFrame = history.loc[history["at"].to_numpy() < ends].reset_index(drop=True)
    return alive


def _activity_frames(cast: Cast, deal_plan: pd.DataFrame) -> Frames:
    meetings = activities.meetings_of(cast, deal_plan)
    changes = activities.meeting_history(meetings)
    calls = activities.touches_of(cast, deal_plan, "calls", 0.8, 0.6, 8)
    mails = activities.touches_of(cast, deal_plan, "mails", 2.0, 3.2, 12)
    # A call is in the CRM when it was noted, a few minutes after it ended.
    noted = calls["at"] + calls["noted_after"] * clock.SECOND < cast.horizon
    histories = [
        records.deal_history(deal_plan, _deal_history(deal_plan), cast.horizon),
        traces.meeting_changes(meetings, changes, cast.horizon),
    ]
    return {
        "meetings": traces.meetings(cast, meetings, deal_plan, changes),
        "calls": traces.calls(cast, calls[noted].reset_index(drop=True), deal_plan),
        "crm_emails": traces.crm_emails(cast, mails),
        "property_history": pd.concat(histories, ignore_index=True),
    }
