-- One row per company that stands: merged ones became their survivor, archived ones are gone.
with

companies as (

    select
        company_id,
        name,
        domain,
        country,
        industry,
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
    {{ segment('companies.employees') }} as segment,
    first_created.created_at
from companies
inner join first_created on companies.company_id = first_created.company_id
left join merged on companies.company_id = merged.company_id
left join countries on lower(companies.country) = countries.name
where merged.survivor_id is null and not companies.is_archived
