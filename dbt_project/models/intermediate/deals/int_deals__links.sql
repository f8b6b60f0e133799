-- The company and the person of each deal: the first that counts among those linked, in the CRM's order.
with

links as (

    select
        coalesce(copied.survivor_id, links.from_id) as deal_id,
        links.to_type,
        links.to_id,
        -- What the original was linked to comes after what its copy is.
        case when copied.survivor_id is null then links.position else 1000 + links.position end as position
    from {{ all_of('links') }} as links
    left join {{ ref('int_deals__merges') }} as copied on links.from_id = copied.deal_id
    where links.from_type = 'deal'

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

resolved as (

    select
        links.deal_id,
        'person' as kind,
        members.person_id as id,
        links.position
    from links
    inner join members on links.to_id = members.contact_id
    where links.to_type = 'contact'
    union all
    select
        links.deal_id,
        'company' as kind,
        companies.company_id as id,
        links.position
    from links
    left join merged on links.to_id = merged.company_id
    inner join companies on coalesce(merged.survivor_id, links.to_id) = companies.company_id
    where links.to_type = 'company'

),

ranked as (

    select
        deal_id,
        kind,
        id,
        row_number() over (partition by deal_id, kind order by position, id) as choice
    from resolved

)

select
    deal_id,
    max(case when kind = 'person' then id end) as person_id,
    max(case when kind = 'company' then id end) as company_id
from ranked
where choice = 1
group by deal_id
