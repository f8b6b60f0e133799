{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('brevo', 'sends', 'send_day') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    {{ record_id('brevo', 'campaign_id') }} as campaign_id,
    email_hash,

    -- strings
    lower(status) as status,

    -- dates
    send_day as filed_day
from source
