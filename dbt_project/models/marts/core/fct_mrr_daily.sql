{{ config(materialized='table_by_month', meta={'month_of': 'date_day', 'made_of': {'int_mrr__months': {}}}) }}

with

months as (

    select
        company_id,
        closing,
        first_day,
        last_day,
        country,
        segment
    from {{ ref('int_mrr__months') }}
    where {{ in_stale_months('int_mrr__months') }}

),

days as (

    {{ span_days('months', ['company_id', 'closing', 'country', 'segment'], 'first_day', 'last_day') }}

),

final as (

    select
        date_day,
        company_id,
        closing as mrr_reporting,
        country,
        segment
    from days

)

select * from final
