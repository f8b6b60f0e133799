{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('matomo', 'daily_traffic', 'report_date') }}

)

select
    -- numerics
    cast(visits as bigint) as visits,
    cast(unique_visitors as bigint) as unique_visitors,
    cast(users as bigint) as users,
    cast(actions as bigint) as actions,
    cast(converted_visits as bigint) as converted_visits,
    cast(bounces as bigint) as bounces,
    cast(duration_seconds as bigint) as duration_seconds,
    cast(direct_visits as bigint) as direct_visits,
    cast(search_visits as bigint) as search_visits,
    cast(website_visits as bigint) as website_visits,
    cast(campaign_visits as bigint) as campaign_visits,
    cast(social_visits as bigint) as social_visits,

    -- dates
    report_date
from source
