-- One row per company that stands: merged ones became their survivor, archived ones are gone. Its segment is what a CRM
-- names, the first in KPILOTE_SOURCES that names one; else it goes by size.
with

companies as (

    select
        company_id,
        name,
        domain,
        country,
        industry,
        segment,
        employees,
        is_archived,
        created_at
    from {{ all_of('companies') }}

),

merged as (

    select
        company_id,
        survivor_id
    from {{ ref('int_companies__merges') }}

),

-- A record that its own CRM merged away: the one it became says what is right.
overruled as (

    select distinct loser_id as company_id
    from {{ ref('int_companies__links') }}
    where evidence = 'crm_merge'

),

named as (

    select
        coalesce(merged.survivor_id, companies.company_id) as company_id,
        {{ named_segment('companies.segment') }} as segment,
        row_number() over (
            partition by coalesce(merged.survivor_id, companies.company_id)
            order by
                {{ crm_place('companies.company_id') }},
                case when merged.survivor_id is null then 0 else 1 end,
                companies.created_at,
                companies.company_id
        ) as place
    from companies
    left join merged on companies.company_id = merged.company_id
    left join overruled on companies.company_id = overruled.company_id
    where companies.segment is not null and not companies.is_archived and overruled.company_id is null

),

countries as (

    select
        name,
        country
    from {{ ref('countries') }}

),

first_created as (

    select
        coalesce(merged.survivor_id, companies.company_id) as company_id,
        min(companies.created_at) as created_at
    from companies
    left join merged on companies.company_id = merged.company_id
    group by coalesce(merged.survivor_id, companies.company_id)

)

select
    companies.company_id,
    companies.name,
    companies.domain,
    coalesce(countries.country, companies.country, '(none)') as country,
    companies.industry,
    companies.employees,
    coalesce(named.segment, {{ segment('companies.employees') }}) as segment,
    first_created.created_at
from companies
inner join first_created on companies.company_id = first_created.company_id
left join merged on companies.company_id = merged.company_id
left join named on companies.company_id = named.company_id and named.place = 1
left join countries on lower(companies.country) = countries.name
where merged.survivor_id is null and not companies.is_archived
