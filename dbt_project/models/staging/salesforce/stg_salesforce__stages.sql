with

source as (

    {{ latest_records('salesforce', 'opportunity_stages', ['stage_record_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', "'default'") }} as pipeline_id,
    stage_name as stage_id,

    -- strings
    label,

    -- numerics
    cast(display_order as integer) as display_order,

    -- booleans
    coalesce(is_closed, false) as is_closed,
    coalesce(is_won, false) as is_won
from source
