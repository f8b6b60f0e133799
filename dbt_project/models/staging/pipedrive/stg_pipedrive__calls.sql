with

source as (

    {{ latest_records('pipedrive', 'activities', ['activity_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('pipedrive', 'activity_id') }} as call_id,
    {{ record_id('pipedrive', 'owner_id') }} as owner_id,

    -- strings
    -- Only call logs have an outcome, and Pipedrive gives nobody those of other users.
    cast(null as varchar) as disposition,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('starts_at') }} as starts_at
from source
where kind = 'call'
