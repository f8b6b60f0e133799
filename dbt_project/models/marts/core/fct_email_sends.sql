{{ config(materialized='table_by_month', meta={'month_of': 'sent_at', 'made_of': {'int_email_sends__unified': {}}}) }}

with

final as (

    select
        send_id,
        campaign_id,
        campaign,
        email_hash,
        person_id,
        sent_at,
        send_date,
        is_delivered,
        is_opened,
        is_opened_human,
        is_clicked,
        is_unsubscribed,
        bounce
    from {{ ref('int_email_sends__unified') }}
    where {{ in_stale_months('int_email_sends__unified') }}

)

select * from final
