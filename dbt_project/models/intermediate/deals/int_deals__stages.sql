-- The stages each deal has been in, in order: from one change to the next, the last one still open. A deal whose
-- history the CRM does not tell has been in its present stage since it was created.
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

compared as (

    select
        deal_id,
        pipeline_id,
        stage_id,
        changed_at,
        created_at,
        lag(stage_id) over (partition by deal_id order by changed_at, stage_id) as stage_before
    from changes

),

entered as (

    select
        deal_id,
        pipeline_id,
        stage_id,
        case
            when stage_before is null and created_at < changed_at then created_at
            else changed_at
        end as entered_at
    from compared
    where stage_before is null or stage_before != stage_id

),

stages as (

    select
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

)

select
    entered.deal_id,
    entered.stage_id,
    coalesce(stages.stage, entered.stage_id) as stage,
    stages.display_order as stage_order,
    case
        when stages.is_won then 'won'
        when stages.is_closed then 'lost'
        else 'open'
    end as stage_status,
    entered.entered_at,
    lead(entered.entered_at) over (
        partition by entered.deal_id order by entered.entered_at, entered.stage_id
    ) as left_at
from entered
left join stages on entered.pipeline_id = stages.pipeline_id and entered.stage_id = stages.stage_id
