with

source as (

    {{ latest_records('hubspot', 'pipeline_stages', ['pipeline_id', 'stage_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'pipeline_id') }} as pipeline_id,
    stage_id,

    -- strings
    pipeline_label,
    label,

    -- numerics
    cast(display_order as integer) as display_order,
    cast(probability as double) as probability,

    -- booleans
    coalesce(is_closed, false) as is_closed,
    coalesce(is_won, false) as is_won,
    coalesce(archived, false) as is_archived
from source
