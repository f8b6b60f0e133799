-- Each row of Salesforce's history holds everything as it was after a change of anything: of stage and amount, only
-- what differs from the row before is a change. Of changes within one second the last one counts.
--
-- Of events there is no history but what the lake saw of them: what the first load brought holds since the event was
-- created, what a later one brought since Salesforce says that the event changed.
with

source as (

    {{ latest_records('salesforce', 'opportunity_history', ['opportunity_id', 'history_id']) }}

),

events as (

    {{ latest_records('salesforce', 'events', ['event_id', 'updated_at', 'archived']) }}

),

meetings as (

    select
        event_id,
        replace(lower(outcome), ' ', '_') as outcome,
        {{ utc_timestamp('start_at') }} as starts_at,
        created_at,
        updated_at
    from events
    where not archived and not coalesce(is_child, false) and not coalesce(is_pattern, false)

),

versions as (

    select
        event_id,
        outcome,
        starts_at,
        lag(outcome) over (partition by event_id order by updated_at) as outcome_before,
        lag(starts_at) over (partition by event_id order by updated_at) as starts_before,
        case
            when row_number() over (partition by event_id order by updated_at) = 1 then created_at else updated_at
        end as changed_at
    from meetings

),

ranked as (

    select
        opportunity_id,
        stage,
        amount,
        created_at,
        row_number() over (partition by opportunity_id, created_at order by history_id desc) as recency
    from source

),

compared as (

    select
        opportunity_id,
        stage,
        cast(amount as decimal(18, 2)) as amount,
        created_at,
        lag(stage) over (partition by opportunity_id order by created_at) as stage_before,
        lag(cast(amount as decimal(18, 2))) over (partition by opportunity_id order by created_at) as amount_before
    from ranked
    where recency = 1

),

changes as (

    select
        'deal' as object_type,
        opportunity_id as object_id,
        'stage' as property,
        stage as value,
        created_at as changed_at
    from compared
    where stage is distinct from stage_before
    union all
    select
        'deal' as object_type,
        opportunity_id as object_id,
        'amount' as property,
        cast(amount as varchar) as value,
        created_at as changed_at
    from compared
    where amount is distinct from amount_before
    union all
    select
        'meeting' as object_type,
        event_id as object_id,
        'outcome' as property,
        outcome as value,
        changed_at
    from versions
    where outcome is distinct from outcome_before
    union all
    select
        'meeting' as object_type,
        event_id as object_id,
        'starts_at' as property,
        cast(starts_at as varchar) || 'Z' as value,
        changed_at
    from versions
    where starts_at is distinct from starts_before

)

select
    -- ids
    object_type,
    {{ record_id('salesforce', 'object_id') }} as object_id,

    -- strings
    property,
    value,

    -- timestamps
    {{ utc_timestamp('changed_at') }} as changed_at
from changes
