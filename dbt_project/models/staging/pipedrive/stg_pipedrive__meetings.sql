with

source as (

    {{ latest_records('pipedrive', 'activities', ['activity_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('pipedrive', 'activity_id') }} as meeting_id,
    {{ record_id('pipedrive', 'owner_id') }} as owner_id,

    -- strings
    case when kind = 'demo' then 'demo' else lower(type) end as kind,
    {{ pipedrive_outcome() }} as outcome,

    -- timestamps
    case when archived then {{ utc_timestamp('coalesce(archived_at, updated_at)') }} end as archived_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('starts_at') }} as starts_at
from source
where kind in ('demo', 'meeting')
