with

source as (

    {{ latest_windows('brevo', 'unsubscribes', 'send_day') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    {{ record_id('brevo', 'campaign_id') }} as campaign_id,
    email_hash,

    -- timestamps
    send_day as filed_day,
    {{ utc_timestamp('occurred_at') }} as occurred_at
from source
