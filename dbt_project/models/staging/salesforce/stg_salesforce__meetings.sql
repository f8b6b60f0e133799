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
