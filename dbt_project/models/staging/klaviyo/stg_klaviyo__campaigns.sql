with

source as (

    {{ latest_records('klaviyo', 'campaigns', ['campaign_id'], 'updated_at') }}

)

select
    -- ids
    campaign_id,
    message_ids,

    -- strings
    name,
    nullif(trim(utm_campaign), '') as utm_campaign,
    lower(status) as status,

    -- timestamps
    {{ utc_timestamp('send_time') }} as sent_at
from source
