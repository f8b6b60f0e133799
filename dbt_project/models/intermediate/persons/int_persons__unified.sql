-- One row per person: the surviving contact's attributes, the earliest date of any contact merged into it. A stage that
-- was skipped takes the date of the earliest later stage.
with

contacts as (

    select
        contact_id,
        owner_id,
        email_hash,
        country,
        segment,
        employees,
        lead_source,
        lifecycle_stage,
        lead_at,
        mql_at,
        sql_at,
        opportunity_at,
        customer_at,
        created_at
    from {{ all_of('contacts') }}

),

members as (

    select
        contact_id,
        person_id
    from {{ ref('int_persons__contacts') }}

),

companies as (

    select
        person_id,
        company_id,
        segment
    from {{ ref('int_persons__companies') }}

),

owners as (

    select
        owner_id,
        owner
    from {{ ref('int_owners__unified') }}

),

countries as (

    select
        name,
        country
    from {{ ref('countries') }}

),

earliest as (

    select
        members.person_id,
        min(contacts.created_at) as created_at,
        min(contacts.lead_at) as lead_at,
        min(contacts.mql_at) as mql_at,
        min(contacts.sql_at) as sql_at,
        min(contacts.opportunity_at) as opportunity_at,
        min(contacts.customer_at) as customer_at
    from members
    inner join contacts on members.contact_id = contacts.contact_id
    group by members.person_id

)

select
    earliest.person_id,
    companies.company_id,
    survivors.email_hash,
    coalesce(countries.country, survivors.country, '(none)') as country,
    -- A lead that no company is linked to may tell the segment of its own, or how large it is.
    coalesce(
        companies.segment, {{ named_segment('survivors.segment') }}, {{ segment('survivors.employees') }}
    ) as segment,
    {{ or_none('owners.owner') }} as owner,
    survivors.lead_source,
    survivors.lifecycle_stage,
    earliest.created_at,
    coalesce(
        earliest.lead_at,
        least(earliest.mql_at, earliest.sql_at, earliest.opportunity_at, earliest.customer_at)
    ) as lead_at,
    coalesce(
        earliest.mql_at,
        least(earliest.sql_at, earliest.opportunity_at, earliest.customer_at)
    ) as mql_at,
    coalesce(earliest.sql_at, least(earliest.opportunity_at, earliest.customer_at)) as sql_at,
    coalesce(earliest.opportunity_at, earliest.customer_at) as opportunity_at,
    earliest.customer_at,
    (
        (earliest.lead_at is null or earliest.mql_at is null)
        and least(earliest.mql_at, earliest.sql_at, earliest.opportunity_at, earliest.customer_at) is not null
    ) as has_backfilled_stage
from earliest
inner join contacts as survivors on earliest.person_id = survivors.contact_id
left join companies on earliest.person_id = companies.person_id
left join owners on survivors.owner_id = owners.owner_id
left join countries on lower(survivors.country) = countries.name
