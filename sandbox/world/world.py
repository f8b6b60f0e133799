"""The company: seed, start and scale in, a snapshot of any day out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from sandbox.world import activities, clock, contracts, deals, mailing, money, people, plan, records, traces, visits
from sandbox.world.people import Cast
from sandbox.world.snapshot import Snapshot


@dataclass(frozen=True)
class World:
    """A pure function of its fields: two worlds that are equal give equal snapshots, on any machine and any day."""

    seed: int = 7
    start: date = date(2024, 11, 1)
    scale: float = 1.0

    def snapshot(self, until: date) -> Snapshot:
        """Everything knowable at 00:00 (Europe/Paris) of `until`. Raises ValueError before the world's first day ends."""
        if until <= self.start:
            raise ValueError(f"the world starts on {self.start}: its first snapshot is of the day after, not {until}")
        start, last = clock.day_number(self.start), clock.day_number(until)
        cast = people.cast_of(self.seed, start, self.scale, last)
        deal_plan = deals.deals_of(cast)
        contract_plan, history = _commerce(cast, deal_plan)
        mail = mailing.mailing_of(cast)
        sessions = visits.visits_of(
            cast, deal_plan, contracts.active_from(cast, contract_plan), mailing.landing_clicks(mail)
        )
        opportunity, customer, links = records.stage_dates(cast, deal_plan)
        contact_frame = records.contacts(
            cast,
            (opportunity, customer),
            visits.form_clients(cast, sessions),
            visits.logins_from(cast, contracts.active_from(cast, contract_plan)),
        )
        frames = dict(
            owners=records.owners(cast),
            companies=records.companies(cast),
            contacts=contact_frame,
            deals=records.deals(cast, deal_plan, history),
            deal_contacts=records.deal_contacts(cast, deal_plan, links),
            pipelines=records.pipelines(cast),
            subscriptions=records.subscriptions(cast, contract_plan),
            sessions=traces.sessions(cast, sessions),
            ad_spend=money.ad_spend(self.seed, start, self.scale, last),
            marketing_costs=money.marketing_costs(self.seed, start, self.scale, last),
            fx_rates=money.fx_rates(self.seed, start, last),
            targets=plan.targets(start, self.scale, last),
            benchmarks=plan.benchmarks(),
            **_mail_frames(cast, mail),
            **_activity_frames(cast, deal_plan, history),
        )
        typed = {name: _typed(frame) for name, frame in frames.items()}
        return Snapshot(seed=self.seed, start=self.start, scale=self.scale, until=until, **typed)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Text columns stay text also where a small world leaves them empty."""
    texts = [name for name in frame.columns if frame[name].dtype == object]
    return frame.astype(dict.fromkeys(texts, "str"))


def _commerce(cast: Cast, deal_plan: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Planned contracts, and the planned history of the deals until each was archived."""
    history = deals.history_of(deal_plan)
    ends = deal_plan["archived"].to_numpy()[history["deal"].to_numpy()]
    history = history[history["at"].to_numpy() < ends].reset_index(drop=True)
    last_amount = deal_plan["a2"].fillna(deal_plan["a1"]).fillna(deal_plan["a0"])
    return contracts.contracts_of(cast, deal_plan, (last_amount / 12).round(2)), history


def _mail_frames(cast: Cast, mail: mailing.Mailing) -> dict[str, pd.DataFrame]:
    addresses = records.addresses(cast)
    return {
        "email_lists": traces.email_lists(cast),
        "email_members": traces.email_members(cast, mail, addresses),
        "email_campaigns": traces.email_campaigns(mail),
        "email_sends": traces.email_sends(cast, mail, addresses),
        "email_activity": traces.email_activity(cast, mail, addresses),
        "email_unsubscribes": traces.email_unsubscribes(cast, mail, addresses),
    }


def _activity_frames(cast: Cast, deal_plan: pd.DataFrame, history: pd.DataFrame) -> dict[str, pd.DataFrame]:
    meetings = activities.meetings_of(cast, deal_plan)
    changes = activities.meeting_history(meetings)
    calls = activities.touches_of(cast, deal_plan, "calls", 0.8, 0.9, 8)
    mails = activities.touches_of(cast, deal_plan, "mails", 2.0, 3.2, 12)
    # A call is in the CRM when it was noted, a few minutes after it ended.
    noted = calls["at"] + calls["noted_after"] * clock.SECOND < cast.horizon
    return {
        "meetings": traces.meetings(cast, meetings, deal_plan, changes),
        "calls": traces.calls(cast, calls[noted].reset_index(drop=True), deal_plan),
        "crm_emails": traces.crm_emails(cast, mails),
        "property_history": pd.concat(
            [
                records.deal_history(deal_plan, history, cast.horizon),
                traces.meeting_changes(meetings, changes, cast.horizon),
            ],
            ignore_index=True,
        ),
    }
