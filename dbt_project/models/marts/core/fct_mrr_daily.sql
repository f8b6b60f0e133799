{{ config(materialized='table_by_month', meta={'month_of': 'date_day'}) }}

with

balances as (

    select
        company_id,
        closing,
        valid_from,
        valid_to
    from {{ ref('int_mrr__balances') }}
    where closing != 0

),

covered as (

    select
        min(date_day) as first_day,
        max(date_day) as last_day
    from {{ ref('dim_dates') }}
    where is_covered

),

spans as (

    select
        balances.company_id,
        balances.closing,
        greatest(balances.valid_from, covered.first_day) as first_day,
        least(coalesce({{ add_days('balances.valid_to', -1) }}, covered.last_day), covered.last_day) as last_day
    from balances
    cross join covered
    where balances.valid_from is not null

),

days as (

    {{ span_days('spans', ['company_id', 'closing'], 'first_day', 'last_day') }}

),

companies as (

    select
        company_id,
        country,
        segment
    from {{ ref('dim_companies') }}

),

final as (

    select
        days.date_day,
        days.company_id,
        days.closing as mrr_reporting,
        {{ or_none('companies.country') }} as country,
        {{ or_none('companies.segment') }} as segment
    from days
    left join companies on days.company_id = companies.company_id

)

select * from final
