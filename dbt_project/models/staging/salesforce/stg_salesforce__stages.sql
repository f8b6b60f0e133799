with

source as (

    {{ latest_records('salesforce', 'opportunity_stages', ['stage_record_id'], 'updated_at') }}

),

-- Deals name a stage, so one that was deleted and made again is one.
named as (

    select
        stage_name,
        label,
        display_order,
        is_closed,
        is_won,
        row_number() over (partition by stage_name order by updated_at desc, stage_record_id desc) as recency
    from source

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
from named
where recency = 1
