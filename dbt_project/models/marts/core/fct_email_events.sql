{{ config(materialized='table_by_month', meta={'month_of': 'sent_at', 'made_of': {'int_email_events__unified': {}}}) }}

with

final as (

    select
        event_id,
        send_id,
        campaign_id,
        campaign,
        email_hash,
        person_id,
        action,
        sent_at,
        occurred_at,
        {{ reporting_date('occurred_at') }} as event_date,
        is_machine,
        is_unsubscribe_link,
        is_in_window
    from {{ ref('int_email_events__unified') }}
    where {{ in_stale_months('int_email_events__unified') }}

)

select * from final
