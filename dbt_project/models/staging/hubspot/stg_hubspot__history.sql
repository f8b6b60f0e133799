with

source as (

    {{ latest_records('hubspot', 'property_history', ['object_type', 'object_id', 'property', 'changed_at']) }}

)

select
    -- ids
    object_type,
    {{ record_id('hubspot', 'object_id') }} as object_id,

    -- strings
    case property
        when 'dealstage' then 'stage'
        when 'hs_meeting_outcome' then 'outcome'
        when 'hs_meeting_start_time' then 'starts_at'
        else property
    end as property,
    case when property = 'hs_meeting_outcome' then lower(value) else value end as value,

    -- timestamps
    {{ utc_timestamp('changed_at') }} as changed_at
from source
