with

source as (

    {{ latest_records('hubspot', 'associations', ['from_type', 'from_id', 'to_type'], 'read_at') }}

),

-- The list is what the CRM said at the newest reading, its primary object first.
exploded as (

    {{ exploded('source', ['from_type', 'from_id', 'to_type'], 'to_ids', 'to_id', 'position') }}

)

select
    -- ids
    lower(from_type) as from_type,
    {{ record_id('hubspot', 'from_id') }} as from_id,
    lower(to_type) as to_type,
    {{ record_id('hubspot', 'to_id') }} as to_id,

    -- numerics
    cast(position as integer) as position
from exploded
