"""CRM records at an instant: owners, pipeline, deals with history, contracts.

Plans know the future; these functions reveal only what lies before the horizon and date each record's last change.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.contacts import MAIL_DOMAIN, company_names
from sandbox.world.deals import last_known
from sandbox.world.draw import Draw, keys
from sandbox.world.people import Cast
from sandbox.world.text import COMPANY_BASE, CONTACT_BASE, DEAL_BASE, OWNER_BASE, ids, labels, plain, where


def owners(cast: Cast) -> pd.DataFrame:
    """Salespeople who have joined; those who left are archived."""
    joined = clock.office(
        clock.business(np.array([cast.start + o.joined for o in cat.OWNERS])), np.zeros(len(cat.OWNERS))
    )
    left_days = np.array([cast.start + o.left if o.left is not None else 30_000 for o in cat.OWNERS])
    left = np.where(left_days < 30_000, clock.office(clock.business(left_days), np.ones(len(cat.OWNERS))), clock.NEVER)
    number = np.arange(len(cat.OWNERS))
    frame = pd.DataFrame(
        {
            "owner_id": ids(number, OWNER_BASE),
            "user_id": ids(number, 9_100_000),
            "email": [f"{plain(o.first_name)}.{plain(o.last_name)}@{MAIL_DOMAIN}" for o in cat.OWNERS],
            "first_name": [o.first_name for o in cat.OWNERS],
            "last_name": [o.last_name for o in cat.OWNERS],
            "team": [o.team for o in cat.OWNERS],
            "archived": left < cast.horizon,
            "created_at": clock.stamps(joined),
            "updated_at": clock.stamps(clock.latest(joined, left, until=cast.horizon)),
        }
    )
    return frame[joined < cast.horizon].reset_index(drop=True)


def pipelines(cast: Cast) -> pd.DataFrame:
    """The one sales pipeline and its stages."""
    return pd.DataFrame(
        {
            "pipeline_id": "default",
            "pipeline_label": "Sales pipeline",
            "stage_id": [stage[0] for stage in cat.STAGES],
            "label": [stage[1] for stage in cat.STAGES],
            "display_order": np.arange(len(cat.STAGES)),
            "probability": [stage[2] for stage in cat.STAGES],
            "is_closed": [number in (cat.WON, cat.LOST) for number in range(len(cat.STAGES))],
            "is_won": [number == cat.WON for number in range(len(cat.STAGES))],
            "updated_at": clock.stamps(np.full(len(cat.STAGES), clock.midnight(np.array([cast.start]))[0])),
        }
    )


def deals(cast: Cast, plan: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Deals as they stand; `close_date` is the close that stands, or the expected one while the deal is open."""
    horizon, rows = cast.horizon, len(plan)
    stage, staged = last_known(history, rows, "dealstage", horizon)
    amount, priced = last_known(history, rows, "amount", horizon)
    number = plan["number"].to_numpy()
    won, lost = cat.STAGES[cat.WON][0], cat.STAGES[cat.LOST][0]
    closed = stage.isin([won, lost]).to_numpy()
    amounts = amount.astype(float).to_numpy()
    names, _ = company_names(cast)
    kinds = np.array(["", " (retry)", " (extension)"], dtype=object)[plan["kind"].to_numpy()]
    archived = plan["archived"].to_numpy()
    own = Draw(keys(plan["key"].to_numpy(), "own fields"))
    return pd.DataFrame(
        {
            "deal_id": ids(number, DEAL_BASE),
            "name": names[plan["account"].to_numpy()] + kinds,
            "company_id": ids(number // 10, COMPANY_BASE),
            "owner_id": ids(plan["owner"].to_numpy(), OWNER_BASE),
            "pipeline": "default",
            "stage": stage.to_numpy(),
            "amount": amounts,
            "currency": where(plan["is_usd"], "USD", "EUR"),
            "created_at": clock.stamps(plan["created"].to_numpy()),
            "close_date": clock.stamps(np.where(closed, staged, plan["expected"].to_numpy())),
            "lost_reason": where(stage == lost, labels(cat.LOST_REASONS, plan["lost_reason"].to_numpy()), None),
            "mrr": np.where(own.chance("untold", cat.UNTOLD_RECURRING_SHARE), np.nan, np.round(amounts / 12, 2)),
            "partner": own.some("partner", cat.PARTNERS, cat.PARTNER_SHARES),
            "updated_at": clock.stamps(clock.latest(staged, priced, archived, until=horizon)),
            "archived_at": clock.stamps(archived, horizon),
        }
    )


def deal_contacts(cast: Cast, plan: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Who is in a deal, primary contact first; a merged contact's place goes to its survivor."""
    people = cast.contacts
    known = links[links["since"] < cast.horizon]
    contact = known["contact"].to_numpy()
    merged = people["merged"].to_numpy()[contact] < cast.horizon
    number = people["number"].to_numpy()[contact]
    survivor = np.where(merged, number // 10 * 10, number)
    frame = pd.DataFrame(
        {
            "deal_id": ids(plan["number"].to_numpy()[known["deal"].to_numpy()], DEAL_BASE),
            "contact_id": ids(survivor, CONTACT_BASE),
            "position": people["slot"].to_numpy()[contact],
        }
    )
    return frame.drop_duplicates(["deal_id", "contact_id"]).reset_index(drop=True)


def deal_history(plan: pd.DataFrame, history: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Changes of stage and amount until the deal was archived."""
    known = history[history["at"] < horizon]
    return pd.DataFrame(
        {
            "object_type": "deal",
            "object_id": ids(plan["number"].to_numpy()[known["deal"].to_numpy()], DEAL_BASE),
            "property": known["property"].to_numpy(),
            "value": known["value"].to_numpy(),
            "changed_at": clock.stamps(known["at"].to_numpy()),
        }
    )


def subscriptions(cast: Cast, contracts: pd.DataFrame) -> pd.DataFrame:
    """The billing export: contracts that have begun; an end is known from the day it takes effect."""
    number = cast.accounts["number"].to_numpy()[contracts["account"].to_numpy()]
    segment = cast.accounts["segment"].to_numpy()[contracts["account"].to_numpy()]
    ends = contracts["ends"].to_numpy()
    return pd.DataFrame(
        {
            "subscription_id": "sub_" + ids(number * 100 + contracts["number"].to_numpy()),
            "company_id": ids(number, COMPANY_BASE),
            "plan": labels(cat.PLANS, segment),
            "mrr": contracts["monthly"].to_numpy(),
            "currency": where(contracts["is_usd"], "USD", "EUR"),
            "started_on": clock.dates(contracts["first"].to_numpy()),
            "ended_on": clock.dates(ends, ends < cast.until),
        }
    )
