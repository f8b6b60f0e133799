-- What was known of each demo, from one change to the next: its outcome and its start. Without history: the present
-- state since it was booked. An archived one was known until then: weeks that ended before do not forget it. What the
-- CRM had archived before it was first pulled (it has no history here) was never known.
with

demos as (

    select
        source_id as meeting_id,
        outcome,
        starts_at,
        booked_at,
        archived_at
    from {{ ref('int_activities__unified') }}
    where kind = 'meeting' and is_demo

),

history as (

    select
        history.object_id as meeting_id,
        history.property,
        history.value,
        history.changed_at
    from {{ all_of('history') }} as history
    inner join demos on history.object_id = demos.meeting_id
    where history.object_type = 'meeting' and history.value is not null

),

told as (

    select
        meeting_id,
        count(*) filter (where property = 'outcome') as outcomes,
        count(*) filter (where property = 'starts_at') as starts
    from history
    group by meeting_id

),

changes as (

    select
        meeting_id,
        changed_at,
        value as outcome,
        cast(null as timestamp) as starts_at
    from history
    where property = 'outcome'
    union all
    select
        meeting_id,
        changed_at,
        cast(null as varchar) as outcome,
        {{ parse_instant('value') }} as starts_at
    from history
    where property = 'starts_at'
    union all
    -- What no change told yet was so from the beginning.
    select
        demos.meeting_id,
        demos.booked_at as changed_at,
        case when coalesce(told.outcomes, 0) = 0 then demos.outcome end as outcome,
        case when coalesce(told.starts, 0) = 0 then demos.starts_at end as starts_at
    from demos
    left join told on demos.meeting_id = told.meeting_id
    where demos.archived_at is null or told.meeting_id is not null
    union all
    select
        demos.meeting_id,
        demos.archived_at as changed_at,
        'archived' as outcome,
        cast(null as timestamp) as starts_at
    from demos
    inner join told on demos.meeting_id = told.meeting_id
    where demos.archived_at is not null

),

moments as (

    select
        meeting_id,
        changed_at,
        max(outcome) as outcome,
        max(starts_at) as starts_at
    from changes
    group by meeting_id, changed_at

)

select
    meeting_id,
    last_value(outcome ignore nulls) over (
        partition by meeting_id order by changed_at
        rows between unbounded preceding and current row
    ) as outcome,
    last_value(starts_at ignore nulls) over (
        partition by meeting_id order by changed_at
        rows between unbounded preceding and current row
    ) as starts_at,
    changed_at as valid_from,
    lead(changed_at) over (partition by meeting_id order by changed_at) as valid_to
from moments
