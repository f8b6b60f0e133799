{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('brevo', 'transactional_events', 'event_day') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    message_id,
    email_hash,
    template_id,
    cast(ordinal as bigint) as ordinal,

    -- strings
    lower(event) as event,
    tag,
    url,

    -- booleans
    coalesce(is_machine, false) as is_machine,

    -- timestamps
    event_day,
    {{ utc_timestamp('occurred_at') }} as occurred_at
from source
