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

days as (

    {{ covered_days('balances', ['company_id', 'closing'], 'valid_from', 'valid_to') }}

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
