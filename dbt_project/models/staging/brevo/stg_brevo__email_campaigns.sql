with

source as (

    {{ latest_records('brevo', 'campaigns', ['campaign_id']) }}

)

select
    -- ids
    {{ record_id('brevo', 'campaign_id') }} as campaign_id,

    -- strings
    -- The name its links carry, so that a campaign meets its sessions and its spend.
    coalesce(nullif(trim(utm_campaign), ''), name, campaign_id) as campaign,

    -- timestamps
    {{ utc_timestamp('sent_at') }} as sent_at
from source
