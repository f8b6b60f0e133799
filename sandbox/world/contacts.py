"""Companies and contacts of the CRM at an instant: names, stage dates, merges, logins, captured browsers.

Like `records`, these functions reveal only what lies before the horizon.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from sandbox.world import catalogue as cat
from sandbox.world import clock
from sandbox.world.draw import Bools, Draw, Ints, keys
from sandbox.world.people import Cast
from sandbox.world.text import (
    COMPANY_BASE,
    COMPANY_TWIN_BASE,
    CONTACT_BASE,
    OWNER_BASE,
    Texts,
    ids,
    labels,
    plain,
    where,
)

MAIL_DOMAIN = "kpilote-demo.example"


def company_names(cast: Cast) -> tuple[Texts, Texts]:
    """Name and domain of every account; the domain carries its number, so no two are alike."""
    draw = Draw(cast.accounts["key"].to_numpy())
    starts = draw.integers("name", 0, len(cat.COMPANY_STARTS) - 1)
    ends = draw.integers("kind", 0, len(cat.COMPANY_ENDS) - 1)
    numbers = cast.accounts["number"].to_numpy()
    names = labels(cat.COMPANY_STARTS, starts) + " " + labels(cat.COMPANY_ENDS, ends)
    hosts = labels([plain(name) for name in cat.COMPANY_STARTS], starts)
    domains = hosts + "-" + np.array([f"{number:x}" for number in numbers], dtype=object) + ".example"
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
    named = Draw(keys(accounts["key"].to_numpy()[rows], "named segment", is_twin))
    frame = pd.DataFrame(
        {
            "company_id": where(is_twin, ids(number, COMPANY_TWIN_BASE), ids(number, COMPANY_BASE)),
            "name": where(is_twin, names[rows] + " SAS", names[rows]),
            "domain": where(~is_twin, domains[rows]),
            "country": labels([c[0] for c in cat.COUNTRIES], accounts["country"].to_numpy()[rows]),
            "employees": np.where(employees < 0, np.nan, employees),
            "industry": labels(cat.INDUSTRIES, industry[rows]),
            "segment": named.some("segment", cat.NAMED_SEGMENTS, cat.NAMED_SEGMENT_SHARES),
            "created_at": clock.stamps(created_at),
            "updated_at": clock.stamps(clock.latest(created_at, merged[rows], until=cast.horizon)),
            "archived_at": clock.stamps(np.full(len(rows), clock.NEVER), cast.horizon),
            "merged_into": where(is_twin & (merged[rows] < cast.horizon), ids(number, COMPANY_BASE)),
        }
    )
    return frame[created_at < cast.horizon].reset_index(drop=True)


def stage_dates(cast: Cast, deals: pd.DataFrame) -> tuple[Ints, Ints, pd.DataFrame]:
    """When each contact became opportunity and customer, and who is in deals (deal row, contact row, slot)."""
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
        "created": plan["created"].to_numpy().copy(),
        "lead": plan["lead"].to_numpy().copy(),
        "mql": plan["mql"].to_numpy(),
        "sql": plan["sql"].to_numpy(),
        "opportunity": opportunity,
        "customer": customer,
    }
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
    entered = labels([cat.LEAD_SOURCES[entry.medium] for entry in cat.ENTRIES], cast.accounts["entry"].to_numpy())
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
            "owner_id": where(owned, ids(owner, OWNER_BASE)),
            "lifecycle_stage": labels(cat.LIFECYCLE, stage),
            **{
                f"{name}_at": clock.stamps(steps[name], horizon)
                for name in ("lead", "mql", "sql", "opportunity", "customer")
            },
            "ga_client_id": ga.to_numpy(),
            "lead_source": where(ga.notna(), entered[account_of], cat.OFFLINE),
            "user_key": where(has_login, login_keys(cast)),
            "is_test": plan["is_test"].to_numpy(),
            "created_at": clock.stamps(steps["created"]),
            "updated_at": clock.stamps(touched),
            "archived_at": clock.stamps(plan["archived"].to_numpy(), horizon),
            "merged_into": where(merged < horizon, ids(number[first_row], CONTACT_BASE)),
        }
    )
    return frame[plan["created"].to_numpy() < horizon].reset_index(drop=True)


def _company_of(cast: Cast) -> Texts:
    accounts, plan = cast.accounts, cast.contacts
    account_of = plan["account"].to_numpy()
    number = accounts["number"].to_numpy()[account_of]
    joined = plan["company_merged"].to_numpy()
    strays = (joined < clock.NEVER) & (joined >= cast.horizon)
    company = where(strays, ids(number, COMPANY_TWIN_BASE), ids(number, COMPANY_BASE))
    return where(accounts["has_company"].to_numpy()[account_of], company, None)


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
    plain_first = labels([plain(name) for name in cat.FIRST_NAMES], first)
    plain_last = labels([plain(name) for name in cat.LAST_NAMES], last)
    slots = plan["slot"].to_numpy()
    suffix = where(slots > 0, ids(slots), "")
    _, domains = company_names(cast)
    private: Bools = plan["is_duplicate"].to_numpy() | ~cast.accounts["has_company"].to_numpy()[account_of]
    hexes = np.array([f".{number:x}@mail.example" for number in plan["number"]], dtype=object)
    mails = plain_first + "." + plain_last + where(private, hexes, suffix + "@" + domains[account_of])
    mails = where(plan["is_test"], "qa+" + ids(plan["number"]) + "@" + MAIL_DOMAIN, mails)
    digits = human.integers("phone", 10_000_000, 99_999_999)
    phones = "+336" + ids(digits)
    return (labels(cat.FIRST_NAMES, first), labels(cat.LAST_NAMES, last)), mails, phones


def login_keys(cast: Cast) -> Texts:
    """The login of every contact, whether it has been given one yet or not."""
    draw = Draw(cast.contacts["key"].to_numpy()).child("login")
    return np.array([f"u{key:016x}" for key in draw.keys], dtype=object)


def addresses(cast: Cast) -> Texts:
    """The mail address of every contact row."""
    return _identity(cast)[1]
