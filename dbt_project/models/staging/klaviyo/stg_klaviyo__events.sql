-- What recipients of campaigns did, of the load that speaks for the day. What automations sent belongs to no campaign
-- and is left out; a message of a campaign that is not known yet has none.
{{ config(materialized='view') }}

with

days as (

    select
        day,
        load_id
    from {{ ref('stg_klaviyo__event_days') }}

),

messages as (

    select
        message_id,
        campaign_id
    from {{ ref('stg_klaviyo__messages') }}

),

source as (

    select
        events.*,
        messages.campaign_id
    from {{ source('klaviyo', 'events') }} as events
    inner join days
        on events.event_day = days.day and events._dlt_load_id = days.load_id
    left join messages on events.message_id = messages.message_id
    where nullif(events.flow_id, '') is null

)

select
    -- ids
    _dlt_load_id as load_id,
    event_id,
    message_id,
    {{ record_id('klaviyo', 'campaign_id') }} as campaign_id,
    -- A profile without an address is a recipient all the same: both are hashes, and no two meet.
    coalesce(email_hash, profile_id) as email_hash,
    cast(ordinal as bigint) as ordinal,

    -- strings
    lower(metric) as metric,
    lower(bounce_type) as bounce_type,
    url,

    -- booleans
    coalesce(is_machine, false) as is_machine,

    -- timestamps
    event_day as filed_day,
    {{ utc_timestamp('occurred_at') }} as occurred_at
from source
