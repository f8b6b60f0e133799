{{ config(materialized='table_by_month', meta={'month_of': 'ordered_date', 'made_of': {'int_orders__unified': {}}}) }}

with

final as (

    select
        order_id,
        client_id,
        person_id,
        company_id,
        ordered_at,
        ordered_date,
        value,
        currency,
        value_reporting,
        refunded_reporting,
        cast(value_reporting - refunded_reporting as decimal(18, 2)) as net_value_reporting
    from {{ ref('int_orders__unified') }}
    where {{ in_stale_months('int_orders__unified') }}

)

select * from final
