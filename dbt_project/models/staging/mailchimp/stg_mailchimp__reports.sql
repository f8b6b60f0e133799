with

source as (

    {{ latest_records('mailchimp', 'reports', ['campaign_id']) }}

)

select
    -- ids
    campaign_id,

    -- numerics
    cast(emails_sent as bigint) as emails_sent,
    cast(opens_total as bigint) as opens,
    cast(unique_opens as bigint) as unique_opens,
    cast(clicks_total as bigint) as clicks,
    cast(unique_clicks as bigint) as unique_clicks,
    cast(hard_bounces as bigint) as hard_bounces,
    cast(soft_bounces as bigint) as soft_bounces,
    cast(unsubscribed as bigint) as unsubscribes,

    -- timestamps
    {{ utc_timestamp('send_time') }} as sent_at
from source
