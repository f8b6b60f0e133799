"""Why a row of a fact differs: `diff_<fact> × happened → row_causes_<fact>(row_id, cause)`.

Belongs here: which of a row's columns come from which entity, as data (RULES). A cause is taken from an entity only
when a column that comes from it differs, so that an unrelated edit of the same person explains nothing. What happened
to the entities themselves is read from the lake (`lake`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from ingestion.identifiers import SURROGATE


@dataclass(frozen=True)
class Rule:
    """Where to look for the cause. kind and id name an entity of `happened`, `=cause` in place of a kind is the cause
    itself, where the lake `received` something that can be it. columns: those whose difference makes the rule apply; a
    row only one side has is taken by rules that are `lone`. The id is SQL over `r`, the row of either side.
    """

    kind: str
    id: str = "''"
    columns: tuple[str, ...] = ()
    lone: bool = False


# The deal or the person of a conversion: `customer:hubspot:1` is of deal `hubspot:1`.
_OF_CONVERSION = "substr(conversion_id, strpos(conversion_id, ':') + 1)"


def _money(amount: str, currency: str, day: str) -> Rule:
    """The rate of an amount's own day moved."""
    return Rule("rate", f"{currency} || ':' || r.{day}::varchar", (amount,))


def _heard(day: str, days: int) -> str:
    """SQL: whether a load speaks for the day of a row, or for one so many days after it (or of the night before)."""
    return (
        f"exists (select 1 from received where source <> 'spreadsheets' and r.{day}"  # noqa: S608 - our own columns
        f" between received.first_day - {days} and received.last_day + 1)"
    )


# What happens to a message is counted for as long (var email_window_days, and the day it was sent).
REACTION_DAYS = 8
# A colleague's name: marts know owners by it.
_OWNERS = Rule("any_owner", "'any'")
_PLACE = ("country", "segment")
_ORIGIN = ("channel", "campaign")
# When a deal's people were first met.
_MET = ("first_marketing_at", "first_sales_at")
_DEAL = ("created_at", "closed_at", "is_won", "is_lost", "is_open", "amount", "currency", "owner", "cycle_days")
_CONTRACT = (
    Rule("contract", "r.company_id", ("mrr_reporting", "amount_reporting", "movement", "is_churned"), lone=True),
    Rule("company", "r.company_id", _PLACE),
)
RULES: dict[str, tuple[Rule, ...]] = {
    "fct_leads": (
        Rule("person", "r.person_id", ("lead_at", "mql_at", "owner", "company_id"), lone=True),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        Rule("person", "r.person_id", _PLACE),
    ),
    "fct_spend": (_money("amount_reporting", "r.currency", "date_day"),),
    "fct_deals": (
        Rule("deal", "r.deal_id", _DEAL, lone=True),
        Rule("person_merge", "r.person_id", ("person_id",)),
        Rule("company_merge", "r.company_id", ("company_id",)),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        Rule("company_deals", "r.company_id", ("is_first_won",)),
        _money("amount_reporting", "r.currency", "closed_date"),
        _money("created_amount_reporting", "r.currency", "created_date"),
    ),
    "fct_pipeline_daily": (
        Rule("deal", "r.deal_id", ("owner",), lone=True),
        Rule("deal_acquisition", "r.deal_id", _ORIGIN),
        Rule("deal_company", "r.deal_id", _PLACE),
        _money(
            "amount_reporting", "(select currency from new.fct_deals where deal_id = r.deal_id)", "date_day"
        ),
    ),
    "fct_activities": (
        Rule("activity", "r.activity_id", ("owner", "kind", "outcome", "booked_at", "person_id", "company_id"), True),
        Rule("company", "r.company_id", _PLACE),
        Rule("person", "r.person_id", _PLACE),
    ),
    "fct_demo_outlook": (
        Rule("activity", "'meeting:' || r.meeting_id", ("owner",), lone=True),
        Rule("activity_company", "'meeting:' || r.meeting_id", _PLACE),
    ),
    "fct_mrr_movements": _CONTRACT,
    "fct_mrr_daily": _CONTRACT,
    "fct_customer_periods": _CONTRACT,
    "attribution_credits": (Rule("conversion", "r.conversion_id", lone=True),),
    "pipeline_sourcing": (
        Rule("deal", "r.deal_id", ("created_date", "owner", "is_influenced"), lone=True),
        Rule("conversion", "'opportunity:' || r.deal_id", ("first_touch_channel",)),
        Rule("deal_met", "r.deal_id", _MET),
        Rule("person", "r.person_id", ("lead_source",)),
        Rule("person_merge", "r.person_id", ("person_id", *_MET)),
        Rule("company_merge", "r.company_id", ("company_id", *_MET)),
        Rule("acquisition", "r.person_id", _ORIGIN),
        Rule("company", "r.company_id", _PLACE),
        _money(
            "created_amount_reporting", "(select currency from new.fct_deals where deal_id = r.deal_id)", "created_date"
        ),
    ),
}  # fmt: skip
# Where the rules found nothing: the entity itself, then what is left.
FALLBACKS: dict[str, tuple[Rule, ...]] = {
    "fct_sessions": (Rule("=late_data", _heard("session_date", 1)),),
    "fct_email_sends": (Rule("=late_data", _heard("send_date", REACTION_DAYS)),),
    "fct_leads": (Rule("person", "r.person_id"), Rule("company", "r.company_id"), _OWNERS),
    "fct_spend": (Rule("=cost_file", "exists (select 1 from received where source = 'spreadsheets')"),),
    "fct_deals": (Rule("deal", "r.deal_id"), Rule("person", "r.person_id"), Rule("company", "r.company_id"), _OWNERS),
    "fct_pipeline_daily": (Rule("deal", "r.deal_id"), Rule("deal_acquisition", "r.deal_id"), _OWNERS),
    "fct_activities": (Rule("activity", "r.activity_id"), Rule("person", "r.person_id"), _OWNERS),
    "fct_demo_outlook": (Rule("activity", "'meeting:' || r.meeting_id"), _OWNERS),
    "fct_mrr_movements": (Rule("contract", "r.company_id"),),
    "fct_mrr_daily": (Rule("contract", "r.company_id"),),
    "fct_customer_periods": (Rule("contract", "r.company_id"),),
    "attribution_credits": (Rule("conversion", "r.conversion_id"),),
    "pipeline_sourcing": (
        Rule("deal", "r.deal_id"),
        Rule("person", "r.person_id"),
        Rule("company", "r.company_id"),
        _OWNERS,
    ),
}


def explain(connection: duckdb.DuckDBPyConnection, fact: str, columns: Collection[str], otherwise: str | None) -> None:
    """Create `row_causes_<fact>`; `otherwise` names the cause of rows nothing in the lake explains, where one is
    known.
    """
    found = f"row_causes_{fact}"
    connection.execute(f"create or replace table {found} (row_id bigint, cause varchar)")
    for rule in RULES.get(fact, ()):
        names = [name for name in rule.columns if name in columns]
        differs = " or ".join(f"old_row.{name} is distinct from new_row.{name}" for name in names) or "false"
        both = f"(old_row is not null and new_row is not null and ({differs}))"
        lone = " or old_row is null or new_row is null" if rule.lone else ""
        _apply(connection, found, fact, rule, f"{both}{lone}")
    for rule in FALLBACKS.get(fact, ()):
        _apply(connection, found, fact, rule, f"row_id not in (select row_id from {found})")  # noqa: S608
    _erased(connection, found, fact)
    if otherwise:
        connection.execute(
            f"insert into {found} select row_id, ? from diff_{fact} where row_id not in (select row_id from {found})",  # noqa: S608
            [otherwise],
        )


def _erased(connection: duckdb.DuckDBPyConnection, found: str, fact: str) -> None:
    """Rows of an erased person that a later pull of the same days or records brought no more: no other cause counts."""
    lost = (
        f"select row_id from diff_{fact} where contains(old_row::varchar, '{SURROGATE}')"  # noqa: S608
        f" and not coalesce(contains(new_row::varchar, '{SURROGATE}'), false)"
    )
    connection.execute(f"delete from {found} where row_id in ({lost})")  # noqa: S608
    connection.execute(f"insert into {found} select row_id, 'erasure' from ({lost})")  # noqa: S608


def _apply(connection: duckdb.DuckDBPyConnection, found: str, fact: str, rule: Rule, condition: str) -> None:
    if rule.kind.startswith("="):
        connection.execute(
            f"insert into {found} select row_id, ? from (select row_id, coalesce(new_row, old_row) as r"  # noqa: S608
            f" from diff_{fact} where {condition}) where {rule.id}",
            [rule.kind[1:]],
        )
        return
    connection.execute(
        f"""
        insert into {found}
        with rows as (
            select row_id, unnest([old_row, new_row]) as r from diff_{fact} where {condition}
        ),
        ids as (select distinct row_id, {rule.id} as id from rows where r is not null)
        select distinct ids.row_id, happened.cause
        from ids inner join happened on happened.kind = ? and happened.id = ids.id
        """,  # noqa: S608
        [rule.kind],
    )


def derive(connection: duckdb.DuckDBPyConnection) -> None:
    """Add to `happened` what the lake's records mean for the entities facts speak of."""
    for statement in _DERIVED:
        connection.execute(statement)


# A conversion's credits move with the conversion, and with the touches of its person and of whoever is in its path.
_CREDITED = f"""
insert into happened
with sides as (select conversion_id, person_id from old.fct_conversions
    union select conversion_id, person_id from new.fct_conversions),
moved as (select coalesce(new_row.conversion_id, old_row.conversion_id) as conversion_id from diff_fct_conversions),
touched as (select touch_id, person_id from old.fct_touchpoints
    where person_id in (select id from happened where kind in ('acquisition', 'person_merge'))
    union select touch_id, person_id from new.fct_touchpoints
    where person_id in (select id from happened where kind in ('acquisition', 'person_merge'))),
credited as (select conversion_id, touch_id from old_changed.attribution_credits
    union select conversion_id, touch_id from new_changed.attribution_credits),
people as (select conversion_id, person_id from sides where person_id is not null
    union select conversion_id, person_id from credited inner join touched using (touch_id)),
owners as (
    select conversion_id, 'deal' as kind, {_OF_CONVERSION} as id from moved
    where split_part(conversion_id, ':', 1) in ('opportunity', 'customer')
    union select conversion_id, 'person', {_OF_CONVERSION} from moved
    where split_part(conversion_id, ':', 1) in ('lead', 'mql')
    union select conversion_id, 'person_merge', person_id from people
    union select conversion_id, 'acquisition', person_id from people
)
select distinct 'conversion', owners.conversion_id, happened.cause
from owners inner join happened on owners.kind = happened.kind and owners.id = happened.id
"""  # noqa: S608 - our own columns

_DERIVED = (
    # Records that were told apart and are one now, whoever says so: their CRM, an address that two CRMs know, an id
    # in the CRM a deal was copied from. What else the lake received of them is how they became one.
    """
    create or replace table joined as
    with merges as (
        select 'contact' as kind, contact_id as loser_id, survivor_id from warehouse.intermediate.int_persons__merges
        union all
        select 'company', company_id, survivor_id from warehouse.intermediate.int_companies__merges
        union all
        select 'deal', deal_id, survivor_id from warehouse.intermediate.int_deals__merges
    ),
    apart as (
        select 'contact' as kind, person_id as id from old.dim_persons
        union all select 'company', company_id from old.dim_companies
        union all select 'deal', deal_id from old.fct_deals
    )
    select kind, loser_id, survivor_id from merges semi join apart on merges.kind = apart.kind and loser_id = apart.id
    """,
    """
    delete from happened where exists (select 1 from joined where joined.kind = happened.kind and (
        loser_id = happened.id or survivor_id = happened.id and happened.cause in ('edit', 'late_data')))
    """,
    "insert into happened select distinct kind, unnest([loser_id, survivor_id]), 'merge' from joined",
    # Links and histories tell of the record they belong to; what became of the record itself says more.
    """
    delete from happened as told where cause = 'edit' and exists (
        select 1 from happened as more where more.kind = told.kind and more.id = told.id
            and more.cause in ('late_data', 'merge', 'delete', 'restore'))
    """,
    # A close that was given up again, whether or not the deal has closed since.
    """
    create or replace table reopened as
    select o.deal_id, o.amount is distinct from n.amount as is_edited_too
    from old.fct_deals as o inner join new.fct_deals as n on o.deal_id = n.deal_id
    where not o.is_open and (n.is_open or (n.closed_at is distinct from o.closed_at and exists (
        select 1 from new.fct_deal_stages as s
        where s.deal_id = o.deal_id and s.is_open and s.entered_at >= o.closed_at)))
    """,
    "delete from happened where kind = 'deal' and cause = 'edit'"
    " and id in (select deal_id from reopened where not is_edited_too)",
    "insert into happened select 'deal', deal_id, 'reopening' from reopened",
    """
    insert into happened
    with known as (
        select contact_id, person_id from warehouse.intermediate.int_persons__contacts
        union select contact_id, survivor_id from warehouse.intermediate.int_persons__merges
    )
    select 'person', id, cause from happened where kind = 'contact'
    union select 'person', known.person_id, cause from happened inner join known on id = contact_id
    where kind = 'contact'
    """,
    "insert into happened select 'person_merge', id, cause from happened where kind = 'person' and cause = 'merge'",
    "insert into happened select 'company_merge', id, cause from happened where kind = 'company' and cause = 'merge'",
    "insert into happened select distinct 'any_owner', 'any', cause from happened where kind = 'owner'",
    "insert into happened select 'rate', currency || ':' || date_day::varchar, 'fx' from changed_rates",
    """
    insert into happened
    with merged as (select company_id, survivor_id from warehouse.intermediate.int_companies__merges),
    contracts as (
        select coalesce(survivor_id, s.company_id) as company_id, s.currency, s.started_on
        from warehouse.staging.stg_spreadsheets__subscriptions as s left join merged using (company_id)
    )
    select 'contract', survivor_id, cause from happened inner join merged on id = company_id where kind = 'contract'
    union select 'contract', id, 'merge' from happened where kind = 'company' and cause = 'merge'
    union select 'contract', contracts.company_id, 'fx' from contracts
    inner join changed_rates as r on contracts.currency = r.currency and contracts.started_on = r.date_day
    """,
    """
    insert into happened
    with sides as (select deal_id, company_id, person_id from old.fct_deals
        union select deal_id, company_id, person_id from new.fct_deals)
    select distinct 'company_deals', sides.company_id, cause
    from happened inner join sides on kind = 'deal' and id = deal_id where sides.company_id is not null
    """,
    # Where a person came from changes with their touches: new ones, moved ones, ones that are gone.
    f"""
    insert into happened
    with touches as (
        select distinct
            unnest([old_row.person_id, new_row.person_id]) as person_id,
            coalesce(new_row.touch_type, old_row.touch_type) as touch_type,
            coalesce(new_row.touch_id, old_row.touch_id) as touch_id,
            coalesce(new_row.touched_date, old_row.touched_date) as touched_date,
            old_row.person_id is distinct from new_row.person_id as is_moved
        from diff_fct_touchpoints
        where least(old_row.touched_date, new_row.touched_date) <= (select through from horizon_old)
    ),
    told as (
        select r.person_id, case
            when r.is_moved and merged.id is not null then 'merge'
            when r.touch_type in ('meeting', 'call') and activities.cause is not null then activities.cause
            when r.is_moved or {_heard("touched_date", 1)} then 'late_data'
        end as cause
        from touches as r
        left join happened as merged on merged.kind = 'person_merge' and merged.id = r.person_id
        left join happened as activities on activities.kind = 'activity' and activities.id = r.touch_id
    )
    select distinct 'acquisition', person_id, cause from told where person_id is not null and cause is not null
    """,  # noqa: S608 - our own columns
    """
    insert into happened
    with sides as (select deal_id, company_id, person_id from old.fct_deals
        union select deal_id, company_id, person_id from new.fct_deals)
    select distinct 'deal_acquisition', deal_id, cause from happened inner join sides on id = sides.person_id
    where kind in ('acquisition', 'person_merge')
    union select distinct 'deal_company', deal_id, cause from happened inner join sides on id = sides.company_id
    where kind = 'company'
    """,
    """
    insert into happened
    with sides as (select activity_id, company_id from old.fct_activities
        union select activity_id, company_id from new.fct_activities)
    select distinct 'activity_company', activity_id, cause from happened inner join sides on id = sides.company_id
    where kind = 'company'
    """,
    # A deal is met wherever its contact or somebody of its company is: also on days nobody had reported yet.
    """
    insert into happened
    with deals as (select deal_id, company_id, person_id from old.fct_deals
        union select deal_id, company_id, person_id from new.fct_deals),
    people as (select person_id, company_id from old.dim_persons
        union select person_id, company_id from new.dim_persons),
    done as (select activity_id, company_id, person_id from old.fct_activities
        union select activity_id, company_id, person_id from new.fct_activities),
    met as (
        select id as person_id, company_id, cause from happened inner join people on id = people.person_id
        where kind in ('acquisition', 'person', 'person_merge')
        union select person_id, company_id, cause
        from happened inner join done on kind = 'activity' and id = activity_id
        union select new_row.person_id, new_row.company_id, 'new_touch' from diff_fct_touchpoints
        where new_row.touched_date > (select through from horizon_old)
    )
    select distinct 'deal_met', deals.deal_id, met.cause
    from deals inner join met on deals.person_id = met.person_id or deals.company_id = met.company_id
    """,
    _CREDITED,
    """
    insert into happened
    with deals as (select deal_id, currency, closed_date from new.fct_deals)
    select 'conversion', 'customer:' || deal_id, 'fx'
    from deals inner join changed_rates on deals.currency = changed_rates.currency and closed_date = date_day
    """,
)
