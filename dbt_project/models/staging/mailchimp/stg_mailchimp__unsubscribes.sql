with

source as (

    {{ latest_windows('mailchimp', 'unsubscribes', 'send_day') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    campaign_id,
    email_hash,

    -- strings
    reason,

    -- timestamps
    send_day,
    {{ utc_timestamp('occurred_at') }} as occurred_at
from source
