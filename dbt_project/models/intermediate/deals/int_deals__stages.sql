-- The stages each deal has been in, in order: from one change to the next, the last one still open. A deal whose
-- history the CRM does not tell has been in its present stage since it was created. Which pipeline a stage is of, its
-- id tells where the present pipeline has none of that id: a deal that moved was in stages of the one before.
with

deals as (

    select
        deal_id,
        pipeline_id,
        stage_id,
        created_at
    from {{ ref('int_deals__records') }}

),

history as (

    select
        deal_id,
        pipeline_id,
        value as stage_id,
        changed_at
    from {{ ref('int_deals__history') }}
    where property = 'stage' and value is not null

),

changes as (

    select
        history.deal_id,
        history.pipeline_id,
        history.stage_id,
        history.changed_at,
        deals.created_at
    from history
    inner join deals on history.deal_id = deals.deal_id
    union all
    select
        deals.deal_id,
        deals.pipeline_id,
        deals.stage_id,
        deals.created_at as changed_at,
        deals.created_at
    from deals
    where deals.deal_id not in (select history.deal_id from history)

),

stages as (

    select
        {{ dbt.split_part('stages.pipeline_id', "':'", 1) }} as source_name,
        stages.pipeline_id,
        stages.stage_id,
        coalesce(stage_map.stage, stages.label, stages.stage_id) as stage,
        stages.display_order,
        stages.is_closed,
        stages.is_won
    from {{ all_of('stages') }} as stages
    left join {{ ref('stage_map') }} as stage_map
        on
            stages.stage_id = stage_map.stage_id
            and stage_map.source = {{ dbt.split_part('stages.pipeline_id', "':'", 1) }}

),

homes as (

    select
        source_name,
        stage_id,
        min(pipeline_id) as pipeline_id
    from stages
    group by source_name, stage_id

),

placed as (

    select
        changes.deal_id,
        {{ dbt.split_part('changes.pipeline_id', "':'", 1) }} as source_name,
        coalesce(own.pipeline_id, homes.pipeline_id, changes.pipeline_id) as pipeline_id,
        changes.stage_id,
        changes.changed_at,
        changes.created_at
    from changes
    left join stages as own on changes.pipeline_id = own.pipeline_id and changes.stage_id = own.stage_id
    left join homes
        on
            changes.stage_id = homes.stage_id
            and homes.source_name = {{ dbt.split_part('changes.pipeline_id', "':'", 1) }}

),

named as (

    select
        placed.deal_id,
        placed.source_name,
        placed.stage_id,
        coalesce(stages.stage, placed.stage_id) as stage,
        stages.display_order as stage_order,
        case
            when stages.is_won then 'won'
            when stages.is_closed then 'lost'
            else 'open'
        end as stage_status,
        placed.changed_at,
        placed.created_at
    from placed
    left join stages on placed.pipeline_id = stages.pipeline_id and placed.stage_id = stages.stage_id

),

compared as (

    select
        *,
        lag(stage_id) over (partition by deal_id order by changed_at, stage_id) as stage_before,
        -- A copy in another CRM goes on in the stage that has the same name there.
        coalesce(
            lag(source_name) over (partition by deal_id order by changed_at, stage_id) != source_name
            and lag(stage) over (partition by deal_id order by changed_at, stage_id) = stage,
            false
        ) as is_same_elsewhere
    from named

),

entered as (

    select
        deal_id,
        stage_id,
        stage,
        stage_order,
        stage_status,
        case
            when stage_before is null and created_at < changed_at then created_at
            else changed_at
        end as entered_at
    from compared
    where stage_before is null or (stage_before != stage_id and not is_same_elsewhere)

)

select
    deal_id,
    stage_id,
    stage,
    stage_order,
    stage_status,
    entered_at,
    lead(entered_at) over (partition by deal_id order by entered_at, stage_id) as left_at
from entered
