with

source as (

    {{ latest_records('hubspot', 'meetings', ['meeting_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'meeting_id') }} as meeting_id,
    {{ record_id('hubspot', 'owner_id') }} as owner_id,

    -- strings
    title,
    lower(kind) as kind,
    lower(outcome) as outcome,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    case when archived then {{ utc_timestamp('coalesce(archived_at, updated_at)') }} end as archived_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('start_at') }} as starts_at,
    {{ utc_timestamp('end_at') }} as ends_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
