{{ config(materialized='table_by_month', meta={'month_of': 'session_date', 'made_of': {'int_sessions__unified': {}}}) }}

with

final as (

    select
        session_key,
        session_date,
        started_at,
        client_id,
        person_id,
        channel,
        channel_rule,
        campaign,
        content,
        source,
        medium,
        referrer,
        click_id,
        country,
        device,
        landing_page,
        page_views,
        engagement_seconds,
        is_engaged,
        key_events,
        key_events > 0 as is_converted
    from {{ ref('int_sessions__unified') }}
    where {{ in_stale_months('int_sessions__unified') }}

)

select * from final
