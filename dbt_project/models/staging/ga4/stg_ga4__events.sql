{{ config(materialized='view') }}

with

days as (

    select
        day,
        load_id
    from {{ ref('stg_ga4__event_days') }}

),

source as (

    select events.*
    from {{ source('ga4', 'events') }} as events
    inner join days
        on events.event_date = days.day and events._dlt_load_id = days.load_id

)

select
    -- ids
    _dlt_load_id as load_id,
    client_id,
    user_id_hash,
    cast(session_id as bigint) as session_id,
    cast(event_ordinal as bigint) as event_ordinal,
    transaction_id,

    -- strings
    event_name,
    page_location,
    referrer_host as referrer,
    click_id,
    nullif(trim(source), '') as source,
    nullif(trim(medium), '') as medium,
    nullif(trim(campaign), '') as campaign,
    nullif(trim(content), '') as content,
    nullif(trim(country), '') as country,
    lower(device) as device,
    currency,

    -- numerics
    cast(engagement_ms as bigint) as engagement_ms,
    cast(value as decimal(18, 2)) as value,

    -- timestamps
    event_date,
    {{ utc_timestamp('event_timestamp') }} as occurred_at
from source
