-- One row per meeting, call and one-to-one email, archived meetings included: what was planned once stays known.
-- Without a company of its own an activity is with the person's company.
with

meetings as (

    select
        'meeting' as kind,
        meeting_id as source_id,
        owner_id,
        outcome,
        kind in {{ in_list(var('demo_kinds')) }} as is_demo,
        created_at as booked_at,
        starts_at,
        archived_at
    from {{ all_of('meetings') }}

),

calls as (

    select
        'call' as kind,
        call_id as source_id,
        owner_id,
        disposition as outcome,
        false as is_demo,
        created_at as booked_at,
        starts_at,
        cast(null as timestamp) as archived_at
    from {{ all_of('calls') }}
    where not is_archived

),

emails as (

    select
        'email' as kind,
        email_id as source_id,
        owner_id,
        direction as outcome,
        false as is_demo,
        created_at as booked_at,
        sent_at as starts_at,
        cast(null as timestamp) as archived_at
    from {{ all_of('emails') }}
    where not is_archived

),

unioned as (

    select
        kind,
        source_id,
        owner_id,
        outcome,
        is_demo,
        booked_at,
        starts_at,
        archived_at
    from meetings
    union all
    select
        kind,
        source_id,
        owner_id,
        outcome,
        is_demo,
        booked_at,
        starts_at,
        archived_at
    from calls
    union all
    select
        kind,
        source_id,
        owner_id,
        outcome,
        is_demo,
        booked_at,
        starts_at,
        archived_at
    from emails

),

links as (

    select
        kind,
        source_id,
        person_id,
        company_id,
        deal_id
    from {{ ref('int_activities__links') }}

),

persons as (

    select
        person_id,
        company_id,
        country,
        segment
    from {{ ref('int_persons__unified') }}

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('int_companies__unified') }}

),

owners as (

    select
        owner_id,
        owner
    from {{ ref('int_owners__unified') }}

)

select
    concat(unioned.kind, ':', unioned.source_id) as activity_id,
    unioned.source_id,
    unioned.kind,
    links.person_id,
    companies.company_id,
    links.deal_id,
    {{ or_none('owners.owner') }} as owner,
    coalesce(companies.country, persons.country, '(none)') as country,
    coalesce(companies.segment, persons.segment, '(none)') as segment,
    {{ or_none('unioned.outcome') }} as outcome,
    unioned.is_demo,
    unioned.booked_at,
    {{ reporting_date('unioned.booked_at') }} as booked_date,
    unioned.starts_at,
    {{ reporting_date('unioned.starts_at') }} as start_date,
    unioned.archived_at
from unioned
left join links on unioned.kind = links.kind and unioned.source_id = links.source_id
left join persons on links.person_id = persons.person_id
left join companies on coalesce(links.company_id, persons.company_id) = companies.company_id
left join owners on unioned.owner_id = owners.owner_id
