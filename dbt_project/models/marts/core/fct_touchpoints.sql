{{ config(materialized='table_by_month', meta={
    'month_of': 'touched_at',
    'made_of': {'int_touchpoints__unified': {}}
}) }}

with

final as (

    select
        touch_id,
        person_id,
        company_id,
        touched_at,
        {{ reporting_date('touched_at') }} as touched_date,
        touch_type,
        channel,
        campaign,
        touch_number
    from {{ ref('int_touchpoints__unified') }}
    where {{ in_stale_months('int_touchpoints__unified') }}

)

select * from final
