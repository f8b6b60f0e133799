-- Events in the calendars of those who were invited are copies, and the pattern of a series is none of its meetings.
with

source as (

    {{ latest_records('salesforce', 'events', ['event_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', 'event_id') }} as meeting_id,
    {{ record_id('salesforce', 'owner_id') }} as owner_id,

    -- strings
    lower(kind) as kind,
    replace(lower(outcome), ' ', '_') as outcome,

    -- timestamps
    -- Nothing of a deleted record changes after its deletion.
    case when archived then {{ utc_timestamp('updated_at') }} end as archived_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('start_at') }} as starts_at
from source
where not coalesce(is_child, false) and not coalesce(is_pattern, false)
