with

source as (

    {{ latest_records('hubspot', 'property_history', ['object_type', 'object_id', 'property', 'changed_at']) }}

)

select
    -- ids
    object_type,
    object_id,
    property,

    -- strings
    value,

    -- timestamps
    {{ utc_timestamp('changed_at') }} as changed_at
from source
