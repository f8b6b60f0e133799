"""What the lake's records mean for the entities that facts speak of: more rows of `happened`.

Flow: `lake.read` → `happened(kind, id, cause)` of records → `derive` → of persons, companies, deals, conversions and
activities behind them too. Which rows of a fact that explains is told in `origins`.
"""

from __future__ import annotations

import duckdb

from serving.ledger.days import heard, of_files, of_kind

# The deal or the person of a conversion: `customer:hubspot:1` is of deal `hubspot:1`.
_OF_CONVERSION = "substr(moved_id, strpos(moved_id, ':') + 1)"


# Which sources a touch comes from, by its type.
_TOUCH = f"""case r.touch_type when 'session' then {of_kind("analytics")} when 'email_click' then {of_kind("email")}
    when 'meeting' then {of_kind("crm")} when 'call' then {of_kind("crm")} else {of_files("fct_touchpoints")} end"""


def derive(connection: duckdb.DuckDBPyConnection, *, are_rules_changed: bool) -> None:
    """Add to `happened` what the lake's records mean for the entities facts speak of."""
    connection.execute("create or replace table rules as select ?::boolean as are_changed", [are_rules_changed])
    for statement in _DERIVED:
        connection.execute(statement)


# Where a person came from changes with their touches: new ones, moved ones, ones that are gone. A touch changes hands
# when somebody is found to be the person behind a browser or an address, which may follow from anybody's record; where
# the rules were changed as well, only those of the two persons count.
ACQUIRED = f"""
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
found_out as (
    select distinct touch_id from touches inner join happened on kind = 'person' and id = person_id
    where cause <> 'definition_change'
    union select touch_id from touches where not (select are_changed from rules)
),
told as (
    select r.person_id, case
        when r.is_moved and merged.id is not null then 'merge'
        when r.touch_type in ('meeting', 'call') and activities.cause is not null then activities.cause
        when {heard("touched_date", _TOUCH, after=1, before=1)} or (r.is_moved and found_out.touch_id is not null)
            then 'late_data'
    end as cause
    from touches as r
    left join happened as merged on merged.kind = 'person_merge' and merged.id = r.person_id
    left join happened as activities on activities.kind = 'activity' and activities.id = r.touch_id
    left join found_out on r.touch_id = found_out.touch_id
)
select distinct 'acquisition', person_id, cause from told where person_id is not null and cause is not null
"""  # noqa: S608 - our own columns

# A deal is met wherever its contact or somebody of its company is: also on days nobody had reported yet.
MET = """
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
select 'deal_met', deals.deal_id, met.cause from deals inner join met on deals.person_id = met.person_id
union select 'deal_met', deals.deal_id, met.cause from deals inner join met on deals.company_id = met.company_id
"""

# A path that begins after the conversion before it moves with that one: touches that are what they were join it or
# leave it. Where conversions share touches, none does.
BEHIND = """
create or replace table behind as
with moved as (
    select r.conversion_id as moved_id, r.conversion_type, r.converted_at as moved_at,
        unnest(['person:' || r.person_id, 'company:' || r.company_id]) as owner
    from (select unnest([old_row, new_row]) as r from diff_fct_conversions)
),
later as (
    select conversion_id, conversion_type, converted_at,
        unnest(['person:' || person_id, 'company:' || company_id]) as owner
    from new.fct_conversions
),
pairs as (
    select distinct conversion_id, moved_id, moved_at from moved inner join later using (conversion_type, owner)
    where moved_id <> conversion_id and moved_at < converted_at
),
was as (select conversion_id, touch_id from old_changed.attribution_credits semi join pairs using (conversion_id)),
is_now as (select conversion_id, touch_id from new_changed.attribution_credits semi join pairs using (conversion_id)),
joined_or_left as ((from was except from is_now) union (from is_now except from was)),
as_it_was as (
    select touch_id, touched_at from new.fct_touchpoints
    where touch_id not in (select coalesce(new_row.touch_id, old_row.touch_id) from diff_fct_touchpoints)
)
select distinct conversion_id, moved_id
from joined_or_left inner join as_it_was using (touch_id) inner join pairs using (conversion_id)
where touched_at <= moved_at
"""

# A conversion's credits move with the conversion or the one before it, with the milestones in its path, and with the
# touches of its person and of whoever is in its path.
CREDITED = f"""
insert into happened
with sides as (select conversion_id, person_id from old.fct_conversions
    union select conversion_id, person_id from new.fct_conversions),
moved as (
    select coalesce(new_row.conversion_id, old_row.conversion_id) as conversion_id, conversion_id as moved_id
    from diff_fct_conversions
    union from behind
),
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
    where split_part(moved_id, ':', 1) in ('opportunity', 'customer')
    union select conversion_id, 'person', {_OF_CONVERSION} from moved
    where split_part(moved_id, ':', 1) in ('lead', 'mql')
    union select new_row.conversion_id, 'person', new_row.person_id from diff_fct_conversions
    where old_row.lead_at is distinct from new_row.lead_at
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
    """
    insert into happened
    with sides as (select owner_id, owner from old.dim_owners union select owner_id, owner from new.dim_owners)
    select distinct 'owner_name', owner, cause from happened inner join sides on kind = 'owner' and id = owner_id
    """,
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
    ACQUIRED,
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
    MET,
    BEHIND,
    CREDITED,
    """
    insert into happened
    with deals as (select deal_id, currency, closed_date from new.fct_deals)
    select 'conversion', 'customer:' || deal_id, 'fx'
    from deals inner join changed_rates on deals.currency = changed_rates.currency and closed_date = date_day
    """,
)
