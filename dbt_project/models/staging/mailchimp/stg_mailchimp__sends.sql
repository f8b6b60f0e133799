{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('mailchimp', 'sends', 'send_day') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    campaign_id,
    email_hash,

    -- strings
    lower(status) as status,

    -- dates
    send_day
from source
