with

source as (

    {{ latest_records('hubspot', 'calls', ['call_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'call_id') }} as call_id,
    {{ record_id('hubspot', 'owner_id') }} as owner_id,

    -- strings
    lower(direction) as direction,
    lower(disposition) as disposition,

    -- numerics
    cast(duration_seconds as double) as duration_seconds,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('start_at') }} as starts_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
