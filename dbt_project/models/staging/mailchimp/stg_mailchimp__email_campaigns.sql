with

source as (

    {{ latest_records('mailchimp', 'campaigns', ['campaign_id']) }}

)

select
    -- ids
    {{ record_id('mailchimp', 'campaign_id') }} as campaign_id,

    -- strings
    -- The name its links carry, so that a campaign meets its sessions and its spend.
    coalesce(nullif(trim(utm_campaign), ''), title, campaign_id) as campaign,

    -- timestamps
    {{ utc_timestamp('send_time') }} as sent_at
from source
