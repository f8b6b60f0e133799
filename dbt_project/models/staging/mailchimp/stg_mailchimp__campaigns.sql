with

source as (

    {{ latest_records('mailchimp', 'campaigns', ['campaign_id']) }}

)

select
    -- ids
    campaign_id,
    list_id,

    -- strings
    title,
    subject,
    nullif(trim(utm_campaign), '') as utm_campaign,
    lower(status) as status,

    -- numerics
    cast(emails_sent as bigint) as emails_sent,

    -- timestamps
    {{ utc_timestamp('send_time') }} as sent_at
from source
