-- The pattern of a series is none of its calls.
with

source as (

    {{ latest_records('salesforce', 'tasks', ['kind', 'task_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', 'task_id') }} as call_id,
    {{ record_id('salesforce', 'owner_id') }} as owner_id,

    -- strings
    replace(lower(disposition), ' ', '_') as disposition,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    -- A call without a start of its own took place when it was noted.
    {{ utc_timestamp('coalesce(start_at, completed_at, created_at)') }} as starts_at
from source
where kind = 'call' and not coalesce(is_pattern, false)
