-- The person, company and deal of each meeting, call and email: the first that counts among those linked, in the CRM's
-- order.
with

links as (

    select
        from_type,
        from_id,
        to_type,
        to_id,
        position
    from {{ all_of('links') }}
    where from_type in ('meeting', 'call', 'email')

),

members as (

    select
        contact_id,
        person_id
    from {{ ref('int_persons__contacts') }}

),

merged as (

    select
        company_id,
        survivor_id
    from {{ ref('int_companies__merges') }}

),

companies as (

    select company_id
    from {{ ref('int_companies__unified') }}

),

deals as (

    select
        deal_id,
        deal_id as known_id
    from {{ ref('int_deals__unified') }}
    union all
    select
        unified.deal_id,
        copied.deal_id as known_id
    from {{ ref('int_deals__merges') }} as copied
    inner join {{ ref('int_deals__unified') }} as unified on copied.survivor_id = unified.deal_id

),

resolved as (

    select
        links.from_type,
        links.from_id,
        links.to_type,
        members.person_id as id,
        links.position
    from links
    inner join members on links.to_id = members.contact_id
    where links.to_type = 'contact'
    union all
    select
        links.from_type,
        links.from_id,
        links.to_type,
        companies.company_id as id,
        links.position
    from links
    left join merged on links.to_id = merged.company_id
    inner join companies on coalesce(merged.survivor_id, links.to_id) = companies.company_id
    where links.to_type = 'company'
    union all
    select
        links.from_type,
        links.from_id,
        links.to_type,
        deals.deal_id as id,
        links.position
    from links
    inner join deals on links.to_id = deals.known_id
    where links.to_type = 'deal'

),

ranked as (

    select
        from_type,
        from_id,
        to_type,
        id,
        row_number() over (partition by from_type, from_id, to_type order by position, id) as choice
    from resolved

)

select
    from_type as kind,
    from_id as source_id,
    max(case when to_type = 'contact' then id end) as person_id,
    max(case when to_type = 'company' then id end) as company_id,
    max(case when to_type = 'deal' then id end) as deal_id
from ranked
where choice = 1
group by from_type, from_id
