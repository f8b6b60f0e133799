{{ config(materialized='view') }}

with

source as (

    {{ latest_windows('matomo', 'goal_conversions', 'visit_date') }}

)

select
    -- ids
    _dlt_load_id as load_id,
    cast(visit_id as bigint) as visit_id,
    client_id,
    user_id_hash,
    goal_id,
    order_id,
    cast(ordinal as bigint) as ordinal,

    -- strings
    goal_name,
    page,

    -- numerics
    cast(revenue as decimal(18, 2)) as revenue,

    -- booleans
    is_key,

    -- timestamps
    visit_date,
    {{ utc_timestamp('converted_at') }} as converted_at
from source
