"""CRM records at an instant: owners, companies, contacts, deals with history, contracts.

Plans know the future; these functions reveal only what lies before the horizon and date each record's last change.
"""

from __future__ import annotations

import unicodedata
import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.deals import last_known
from sandbox.world.draw import Bools, Draw, Ints, keys
from sandbox.world.people import Cast
from sandbox.world.text import Texts, ids, labels

COMPANY_BASE = 20_000_000_000
COMPANY_TWIN_BASE = 25_000_000_000
CONTACT_BASE = 1_000_000_000
DEAL_BASE = 30_000_000_000
OWNER_BASE = 71_000_000
MAIL_DOMAIN = "kpilote-demo.example"


def _plain(text: str) -> str:
    """ASCII letters only, lower case: the local part of an address."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if letter.isascii() and letter.isalnum()).lower()


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
            "email": [f"{_plain(o.first_name)}.{_plain(o.last_name)}@{MAIL_DOMAIN}" for o in cat.OWNERS],
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


def company_names(cast: Cast) -> tuple[Texts, Texts]:
    """Name and domain of every account; the domain carries its number, so no two are alike."""
    draw = Draw(cast.accounts["key"].to_numpy())
    starts = draw.integers("name", 0, len(cat.COMPANY_STARTS) - 1)
    ends = draw.integers("kind", 0, len(cat.COMPANY_ENDS) - 1)
    numbers = cast.accounts["number"].to_numpy()
    names = labels(cat.COMPANY_STARTS, starts) + " " + labels(cat.COMPANY_ENDS, ends)
    plain = labels([_plain(name) for name in cat.COMPANY_STARTS], starts)
    domains = plain + "-" + np.array([f"{number:x}" for number in numbers], dtype=object) + ".example"
    return names, domains


def companies(cast: Cast) -> pd.DataFrame:
    """Companies of the accounts, and the second records that some of them had until they were merged."""
    accounts, contacts = cast.accounts, cast.contacts
    names, domains = company_names(cast)
    account_of = contacts["account"].to_numpy()
    created = np.full(len(accounts), clock.NEVER, dtype=np.int64)
    np.minimum.at(created, account_of, contacts["created"].to_numpy())
    strays = np.flatnonzero(contacts["company_merged"].to_numpy() < clock.NEVER)
    merged = np.full(len(accounts), clock.NEVER, dtype=np.int64)
    merged[account_of[strays]] = contacts["company_merged"].to_numpy()[strays]
    own = np.flatnonzero(accounts["has_company"].to_numpy())
    twin = account_of[strays]
    rows = np.concatenate([own, twin])
    is_twin = np.repeat([False, True], [len(own), len(twin)])
    number = accounts["number"].to_numpy()[rows]
    created_at = np.concatenate([created[own], contacts["created"].to_numpy()[strays]])
    industry = Draw(accounts["key"].to_numpy()).integers("industry", 0, len(cat.INDUSTRIES) - 1)
    employees = accounts["employees"].to_numpy()[rows].astype(np.float64)
    frame = pd.DataFrame(
        {
            "company_id": np.where(is_twin, ids(number, COMPANY_TWIN_BASE), ids(number, COMPANY_BASE)),
            "name": np.where(is_twin, names[rows] + " SAS", names[rows]),
            "domain": np.where(is_twin, None, domains[rows]),
            "country": labels([c[0] for c in cat.COUNTRIES], accounts["country"].to_numpy()[rows]),
            "employees": np.where(employees < 0, np.nan, employees),
            "industry": labels(cat.INDUSTRIES, industry[rows]),
            "created_at": clock.stamps(created_at),
            "updated_at": clock.stamps(clock.latest(created_at, merged[rows], until=cast.horizon)),
            "archived_at": clock.stamps(np.full(len(rows), clock.NEVER), cast.horizon),
            "merged_into": np.where(is_twin & (merged[rows] < cast.horizon), ids(number, COMPANY_BASE), None),
        }
    )
    return frame[created_at < cast.horizon].reset_index(drop=True)


def stage_dates(cast: Cast, deals: pd.DataFrame) -> tuple[Ints, Ints, pd.DataFrame]:
    """When each contact became an opportunity and a customer, and (deal row, contact row, position) of those in deals."""
    contacts = cast.contacts
    account_of = contacts["account"].to_numpy()
    draw = Draw(contacts["key"].to_numpy())
    slot = contacts["slot"].to_numpy()
    joins = (slot < 4) & ((slot == 0) | draw.chance("joins deal", 0.72)) | contacts["is_duplicate"].to_numpy()
    joins &= (contacts["archived"] == clock.NEVER).to_numpy() & ~contacts["is_test"].to_numpy()
    members = pd.DataFrame({"account": account_of, "contact": np.arange(len(contacts)), "slot": slot})[joins]
    links = deals[["account"]].assign(deal=np.arange(len(deals))).merge(members, on="account")
    deal, contact = links["deal"].to_numpy(), links["contact"].to_numpy()
    won_offset = deals["o5"].to_numpy()
    won_again = deals["o8"].to_numpy()
    first_win = np.where(won_offset >= 0, won_offset, won_again)
    won_day = clock.business(deals["day"].to_numpy(), np.maximum(first_win, 0))
    won_at = np.where(first_win >= 0, clock.midnight(won_day) + 20 * clock.HOUR, clock.NEVER)
    since = np.maximum(contacts["created"].to_numpy()[contact], deals["created"].to_numpy()[deal])
    alive = since < deals["archived"].to_numpy()[deal]
    opportunity = np.full(len(contacts), clock.NEVER, dtype=np.int64)
    customer = np.full(len(contacts), clock.NEVER, dtype=np.int64)
    np.minimum.at(opportunity, contact[alive], since[alive] + clock.MINUTE)
    wins = alive & (won_at[deal] < clock.NEVER)
    np.minimum.at(customer, contact[wins], np.maximum(won_at[deal], since + 2 * clock.MINUTE)[wins])
    return opportunity, customer, links.assign(since=since)


def contacts(cast: Cast, dates: tuple[Ints, Ints], client: pd.DataFrame, login_from: Ints) -> pd.DataFrame:
    """Contacts as the CRM shows them; a merge leaves the survivor with the earlier dates of both."""
    plan, horizon = cast.contacts, cast.horizon
    account_of = plan["account"].to_numpy()
    opportunity, customer = dates
    merged = plan["merged"].to_numpy()
    first_row = np.flatnonzero(plan["slot"].to_numpy() == 0)[account_of]
    steps = {
        "created": plan["created"].to_numpy().copy(), "lead": plan["lead"].to_numpy().copy(), "mql": plan["mql"].to_numpy(),
        "sql": plan["sql"].to_numpy(), "opportunity": opportunity.copy(), "customer": customer.copy(),
    }  # fmt: skip
    for name in ("opportunity", "customer"):
        steps[name] = np.where(steps[name] < merged, steps[name], clock.NEVER)
    losers = np.flatnonzero(merged < horizon)
    heirs = first_row[losers]
    for name in ("created", "lead", "opportunity", "customer"):
        np.minimum.at(steps[name], heirs, np.where(steps[name][losers] < horizon, steps[name][losers], clock.NEVER))
    merge_seen = np.full(len(plan), clock.NEVER, dtype=np.int64)
    np.minimum.at(merge_seen, heirs, merged[losers])
    stage = np.zeros(len(plan), dtype=np.int64)
    for rank, name in enumerate(("lead", "mql", "sql", "opportunity", "customer"), start=1):
        stage = np.where(steps[name] < horizon, rank, stage)
    stage = np.where(cast.accounts["is_legacy"].to_numpy()[account_of], 5, stage)
    names, mails, phones = _identity(cast)
    has_login = login_from < horizon
    ga = pd.Series(None, index=np.arange(len(plan)), dtype=object)
    ga.loc[client["person"].to_numpy()] = client["client_text"].to_numpy()
    touched = clock.latest(*steps.values(), plan["archived"].to_numpy(), merged, merge_seen,
                           plan["company_merged"].to_numpy(), login_from, until=horizon)  # fmt: skip
    # Nothing of a deleted or merged record changes any more.
    ends = np.minimum(plan["archived"].to_numpy(), merged)
    touched = np.where(ends < horizon, ends, touched)
    owner = cast.accounts["owner"].to_numpy()[account_of]
    owned = cast.accounts["is_owned"].to_numpy()[account_of]
    number = plan["number"].to_numpy()
    frame = pd.DataFrame(
        {
            "contact_id": ids(number, CONTACT_BASE),
            "company_id": _company_of(cast),
            "email": mails,
            "first_name": names[0],
            "last_name": names[1],
            "phone": phones,
            "country": labels([c[0] for c in cat.COUNTRIES], cast.accounts["country"].to_numpy()[account_of]),
            "owner_id": np.where(owned, ids(owner, OWNER_BASE), None),
            "lifecycle_stage": labels(cat.LIFECYCLE, stage),
            **{
                f"{name}_at": clock.stamps(steps[name], horizon)
                for name in ("lead", "mql", "sql", "opportunity", "customer")
            },
            "ga_client_id": ga.to_numpy(),
            "user_key": np.where(has_login, login_keys(cast), None),
            "is_test": plan["is_test"].to_numpy(),
            "created_at": clock.stamps(steps["created"]),
            "updated_at": clock.stamps(touched),
            "archived_at": clock.stamps(plan["archived"].to_numpy(), horizon),
            "merged_into": np.where(merged < horizon, ids(number[first_row], CONTACT_BASE), None),
        }
    )
    return frame[plan["created"].to_numpy() < horizon].reset_index(drop=True)


def _company_of(cast: Cast) -> Texts:
    accounts, plan = cast.accounts, cast.contacts
    account_of = plan["account"].to_numpy()
    number = accounts["number"].to_numpy()[account_of]
    joined = plan["company_merged"].to_numpy()
    strays = (joined < clock.NEVER) & (joined >= cast.horizon)
    company = np.where(strays, ids(number, COMPANY_TWIN_BASE), ids(number, COMPANY_BASE))
    return np.where(accounts["has_company"].to_numpy()[account_of], company, None)


def _identity(cast: Cast) -> tuple[tuple[Texts, Texts], Texts, Texts]:
    """Names, addresses and phones; a duplicate is the same human under a private address."""
    plan = cast.contacts
    account_of = plan["account"].to_numpy()
    # The human behind contact 0 and behind its duplicate is one.
    human = Draw(
        keys(cast.accounts["key"].to_numpy()[account_of], "human", np.where(plan["is_duplicate"], 0, plan["slot"]))
    )
    first = human.integers("first", 0, len(cat.FIRST_NAMES) - 1)
    last = human.integers("last", 0, len(cat.LAST_NAMES) - 1)
    plain_first = labels([_plain(name) for name in cat.FIRST_NAMES], first)
    plain_last = labels([_plain(name) for name in cat.LAST_NAMES], last)
    slots = plan["slot"].to_numpy()
    suffix = np.where(slots > 0, slots.astype(str).astype(object), "")
    _, domains = company_names(cast)
    private: Bools = plan["is_duplicate"].to_numpy() | ~cast.accounts["has_company"].to_numpy()[account_of]
    hexes = np.array([f".{number:x}@mail.example" for number in plan["number"]], dtype=object)
    mails = plain_first + "." + plain_last + np.where(private, hexes, suffix + "@" + domains[account_of])
    mails = np.where(plan["is_test"], "qa+" + ids(plan["number"]) + "@" + MAIL_DOMAIN, mails)
    digits = human.integers("phone", 10_000_000, 99_999_999)
    phones = "+336" + digits.astype(str).astype(object)
    return (labels(cat.FIRST_NAMES, first), labels(cat.LAST_NAMES, last)), mails, phones


def login_keys(cast: Cast) -> Texts:
    """The login of every contact, whether it has been given one yet or not."""
    draw = Draw(cast.contacts["key"].to_numpy()).child("login")
    return np.array([f"u{key:016x}" for key in draw.keys], dtype=object)


def addresses(cast: Cast) -> Texts:
    """The mail address of every contact row."""
    return _identity(cast)[1]


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
    return pd.DataFrame(
        {
            "deal_id": ids(number, DEAL_BASE),
            "name": names[plan["account"].to_numpy()] + kinds,
            "company_id": ids(number // 10, COMPANY_BASE),
            "owner_id": ids(plan["owner"].to_numpy(), OWNER_BASE),
            "pipeline": "default",
            "stage": stage.to_numpy(),
            "amount": amounts,
            "currency": np.where(plan["is_usd"], "USD", "EUR"),
            "created_at": clock.stamps(plan["created"].to_numpy()),
            "close_date": clock.stamps(np.where(closed, staged, plan["expected"].to_numpy())),
            "lost_reason": np.where(stage == lost, labels(cat.LOST_REASONS, plan["lost_reason"].to_numpy()), None),
            "mrr": np.round(amounts / 12, 2),
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
            "currency": np.where(contracts["is_usd"], "USD", "EUR"),
            "started_on": clock.dates(contracts["first"].to_numpy()),
            "ended_on": clock.dates(ends, ends < cast.until),
        }
    )
