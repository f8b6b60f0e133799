-- Stages of the pipelines, and two of our making after them in each: Pipedrive keeps won and lost as a deal's status.
with

source as (

    {{ latest_records('pipedrive', 'stages', ['stage_id'], 'updated_at') }}

),

pipelines as (

    {{ latest_records('pipedrive', 'pipelines', ['pipeline_id'], 'updated_at') }}

),

open_stages as (

    select
        pipeline_id,
        stage_id,
        label,
        row_number() over (partition by pipeline_id order by display_order, stage_id) - 1 as display_order
    from source

),

lengths as (

    select
        pipelines.pipeline_id,
        count(open_stages.stage_id) as stages
    from pipelines
    left join open_stages on pipelines.pipeline_id = open_stages.pipeline_id
    group by pipelines.pipeline_id

),

stages as (

    select
        pipeline_id,
        stage_id,
        label,
        display_order,
        false as is_closed,
        false as is_won
    from open_stages
    union all
    select
        pipeline_id,
        'won' as stage_id,
        'Won' as label,
        stages as display_order,
        true as is_closed,
        true as is_won
    from lengths
    union all
    select
        pipeline_id,
        'lost' as stage_id,
        'Lost' as label,
        stages + 1 as display_order,
        true as is_closed,
        false as is_won
    from lengths

)

select
    -- ids
    {{ record_id('pipedrive', 'pipeline_id') }} as pipeline_id,
    stage_id,

    -- strings
    label,

    -- numerics
    cast(display_order as integer) as display_order,

    -- booleans
    is_closed,
    is_won
from stages
