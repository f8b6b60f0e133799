{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('ga4', 'daily_traffic', 'report_date') }}

)

select
    -- strings
    lower(nullif(trim(source), '')) as source,
    lower(nullif(trim(medium), '')) as medium,
    nullif(trim(campaign), '') as campaign,
    channel_group,

    -- numerics
    cast(sessions as bigint) as sessions,
    cast(engaged_sessions as bigint) as engaged_sessions,
    cast(total_users as bigint) as total_users,
    cast(key_events as bigint) as key_events,

    -- dates
    report_date
from source
