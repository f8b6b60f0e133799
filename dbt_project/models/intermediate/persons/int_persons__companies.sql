-- The company of each person: the first that stands among those linked to the surviving contact, in the CRM's order.
with

links as (

    select
        from_id as contact_id,
        to_id as company_id,
        position
    from {{ all_of('links') }}
    where from_type = 'contact' and to_type = 'company'

),

merged as (

    select
        company_id,
        survivor_id
    from {{ ref('int_companies__merges') }}

),

companies as (

    select
        company_id,
        segment
    from {{ ref('int_companies__unified') }}

),

ranked as (

    select
        links.contact_id as person_id,
        companies.company_id,
        companies.segment,
        row_number() over (partition by links.contact_id order by links.position, companies.company_id) as choice
    from links
    left join merged on links.company_id = merged.company_id
    inner join companies on coalesce(merged.survivor_id, links.company_id) = companies.company_id

)

select
    person_id,
    company_id,
    segment
from ranked
where choice = 1
