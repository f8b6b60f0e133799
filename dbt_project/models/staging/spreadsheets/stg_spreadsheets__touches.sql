-- Rows that differ only in how a channel is written are one touch.
with

source as (

    {{ latest_whole('spreadsheets', 'touches') }}

)

select distinct
    -- ids
    email_hash,

    -- strings
    touch_type,
    lower(trim(channel)) as channel,
    coalesce(nullif(trim(campaign), ''), '(none)') as campaign,

    -- timestamps
    {{ utc_timestamp('touched_at') }} as touched_at
from source
