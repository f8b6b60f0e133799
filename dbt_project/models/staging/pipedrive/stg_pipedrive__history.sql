-- What a deal's stage and amount and a meeting's outcome and start were, and since when.
--
-- Pipedrive tells changes, not what a deal was created with: that is the value before its first change, or the present
-- one. Where the present value is another than the last change told (its changes could not be read yet), it holds since
-- the deal says so. Won and lost are a status: a deal's stage is its status while it is closed, else the one it is in.
-- A close may be dated back, as an import does: it was then, and what the status was after that is void.
-- Of a meeting nothing is told but when it was booked and when somebody marked it as done. What else it was is known by
-- what the lake saw: what the first load brought holds since it was booked, what a later one brought since Pipedrive
-- says that the activity changed.
with

deals as (

    {{ latest_records('pipedrive', 'deals', ['deal_id'], 'updated_at') }}

),

changes as (

    {{ latest_records(
        'pipedrive', 'deal_changes', ['object_type', 'object_id', 'field', 'changed_at', 'ordinal'], 'changed_at'
    ) }}

),

activities as (

    {{ latest_records('pipedrive', 'activities', ['activity_id', 'updated_at', 'archived']) }}

),

-- What each deal is now, and since when as far as it tells itself.
present as (

    select
        deal_id,
        'stage' as property,
        stage_id as value,
        cast(null as varchar) as value_before,
        created_at,
        coalesce(stage_changed_at, updated_at) as since
    from deals
    where stage_id is not null
    union all
    select
        deal_id,
        'status' as property,
        status as value,
        'open' as value_before,
        created_at,
        coalesce(won_at, lost_at, updated_at) as since
    from deals
    where status in ('open', 'won', 'lost')
    union all
    select
        deal_id,
        'amount' as property,
        cast(cast(amount as decimal(18, 2)) as varchar) as value,
        cast(null as varchar) as value_before,
        created_at,
        updated_at as since
    from deals
    where amount is not null

),

told as (

    select
        object_id as deal_id,
        case field when 'stage_id' then 'stage' when 'status' then 'status' else 'amount' end as property,
        case
            when field != 'value' then old_value
            else cast({{ dbt.safe_cast('old_value', 'decimal(18, 2)') }} as varchar)
        end as old_value,
        case
            when field != 'value' then new_value
            else cast({{ dbt.safe_cast('new_value', 'decimal(18, 2)') }} as varchar)
        end as new_value,
        changed_at,
        ordinal
    from changes
    where object_type = 'deal' and field in ('stage_id', 'status', 'value')

),

numbered as (

    select
        deal_id,
        property,
        old_value,
        new_value,
        changed_at,
        row_number() over (partition by deal_id, property order by changed_at, ordinal) as change_number,
        row_number() over (partition by deal_id, property order by changed_at desc, ordinal desc) as recency
    from told

),

closes as (

    select
        deal_id,
        'status' as property,
        case status when 'won' then won_at when 'lost' then lost_at end as closed_at
    from deals

),

dated as (

    select
        numbered.deal_id,
        numbered.property,
        numbered.new_value,
        case when numbered.recency = 1 then coalesce(closes.closed_at, numbered.changed_at) else numbered.changed_at end
            as changed_at,
        numbered.change_number
    from numbered
    left join closes on numbered.deal_id = closes.deal_id and numbered.property = closes.property
    where closes.closed_at is null or numbered.recency = 1 or numbered.changed_at < closes.closed_at

),

events as (

    select
        present.deal_id,
        present.property,
        case
            when firsts.deal_id is not null then firsts.old_value
            else coalesce(present.value_before, present.value)
        end as value,
        present.created_at as changed_at,
        0 as change_number
    from present
    left join numbered as firsts
        on present.deal_id = firsts.deal_id and present.property = firsts.property and firsts.change_number = 1
    union all
    select
        deal_id,
        property,
        new_value as value,
        changed_at,
        change_number
    from dated
    union all
    select
        present.deal_id,
        present.property,
        present.value,
        greatest(present.since, coalesce(lasts.changed_at, present.created_at)) as changed_at,
        coalesce(lasts.change_number, 0) + 1 as change_number
    from present
    left join numbered as lasts
        on present.deal_id = lasts.deal_id and present.property = lasts.property and lasts.recency = 1
    where present.value != coalesce(lasts.new_value, present.value_before, present.value)

),

-- Changes of one second are one: the last of each property counts.
moments as (

    select
        deal_id,
        changed_at,
        max_by(value, change_number) filter (where property = 'stage') as stage_id,
        max_by(value, change_number) filter (where property = 'status') as status,
        max_by(value, change_number) filter (where property = 'amount') as amount
    from events
    group by deal_id, changed_at

),

known as (

    select
        deal_id,
        changed_at,
        amount,
        last_value(stage_id ignore nulls) over (
            partition by deal_id order by changed_at
            rows between unbounded preceding and current row
        ) as stage_id,
        last_value(status ignore nulls) over (
            partition by deal_id order by changed_at
            rows between unbounded preceding and current row
        ) as status
    from moments

),

states as (

    select
        deal_id,
        changed_at,
        amount,
        case when status in ('won', 'lost') then status else stage_id end as stage
    from known

),

compared as (

    select
        deal_id,
        changed_at,
        amount,
        stage,
        lag(stage) over (partition by deal_id order by changed_at) as stage_before
    from states

),

meetings as (

    select
        activity_id,
        {{ pipedrive_outcome() }} as outcome,
        {{ utc_timestamp('starts_at') }} as starts_at,
        created_at,
        updated_at,
        coalesce(done_at, updated_at) as decided_at
    from activities
    where kind in ('demo', 'meeting') and not archived

),

versions as (

    select
        activity_id,
        outcome,
        starts_at,
        created_at,
        updated_at,
        decided_at,
        lag(outcome) over (partition by activity_id order by updated_at) as outcome_before,
        lag(starts_at) over (partition by activity_id order by updated_at) as starts_before,
        lag(updated_at) over (partition by activity_id order by updated_at) as updated_before
    from meetings

),

history as (

    select
        'deal' as object_type,
        deal_id as object_id,
        'stage' as property,
        stage as value,
        changed_at
    from compared
    where stage is not null and (stage_before is null or stage != stage_before)
    union all
    select
        'deal' as object_type,
        deal_id as object_id,
        'amount' as property,
        amount as value,
        changed_at
    from compared
    where amount is not null
    union all
    select
        'meeting' as object_type,
        activity_id as object_id,
        'outcome' as property,
        'scheduled' as value,
        created_at as changed_at
    from versions
    where updated_before is null and (outcome = 'scheduled' or created_at < decided_at)
    union all
    -- A mark that is older than the version before is not what changed since.
    select
        'meeting' as object_type,
        activity_id as object_id,
        'outcome' as property,
        outcome as value,
        case
            when outcome = 'scheduled' or decided_at <= updated_before then updated_at else decided_at
        end as changed_at
    from versions
    where outcome != coalesce(outcome_before, 'scheduled')
    union all
    select
        'meeting' as object_type,
        activity_id as object_id,
        'starts_at' as property,
        cast(starts_at as varchar) || 'Z' as value,
        case when updated_before is null then created_at else updated_at end as changed_at
    from versions
    where starts_at is distinct from starts_before

)

select
    -- ids
    object_type,
    {{ record_id('pipedrive', 'object_id') }} as object_id,

    -- strings
    property,
    value,

    -- timestamps
    {{ utc_timestamp('changed_at') }} as changed_at
from history
