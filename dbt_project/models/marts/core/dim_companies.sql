with

companies as (

    select
        company_id,
        name,
        domain,
        country,
        employees,
        industry,
        segment,
        created_at
    from {{ ref('int_companies__unified') }}

),

wins as (

    select
        company_id,
        min(closed_date) as first_won_date
    from {{ ref('int_deals__unified') }}
    where status = 'won' and company_id is not null
    group by company_id

),

final as (

    select
        companies.company_id,
        companies.name,
        companies.domain,
        companies.country,
        companies.employees,
        companies.industry,
        companies.segment,
        wins.company_id is not null as is_customer,
        wins.first_won_date,
        companies.created_at
    from companies
    left join wins on companies.company_id = wins.company_id

)

select * from final
