with

balances as (

    select
        company_id,
        opening,
        closing,
        valid_from
    from {{ ref('int_mrr__balances') }}
    where opening != closing

),

coverage as (

    select data_through
    from {{ ref('int_lake__coverage') }}

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

first_paid as (

    select
        company_id,
        min(valid_from) as first_day
    from balances
    where closing > 0
    group by company_id

),

final as (

    select
        concat(balances.company_id, ':', cast(balances.valid_from as varchar)) as movement_id,
        balances.valid_from as date_day,
        balances.company_id,
        case
            when balances.opening = 0 and balances.valid_from = first_paid.first_day then 'new'
            when balances.opening = 0 then 'reactivation'
            when balances.closing = 0 then 'churn'
            when balances.closing > balances.opening then 'expansion'
            else 'contraction'
        end as movement,
        cast(balances.closing - balances.opening as decimal(18, 2)) as amount_reporting,
        {{ or_none('companies.country') }} as country,
        {{ or_none('companies.segment') }} as segment
    from balances
    cross join coverage
    left join first_paid on balances.company_id = first_paid.company_id
    left join companies on balances.company_id = companies.company_id
    -- Contracts known to start or end later have not moved anything yet.
    where balances.valid_from <= coverage.data_through

)

select * from final
