-- What each deal that counts was, by one CRM at a time: the one it was copied from until its copy tells anything, the
-- copy from then on. Where var crm_until says when a CRM became history, that day takes the place of the copy's first
-- word. An import fills a record step by step: of that day the copy tells only what it was in the end. A change keeps
-- the pipeline that its record is in now.
with

deals as (

    select
        deal_id,
        pipeline_id,
        created_at
    from {{ all_of('deals') }}

),

history as (

    select
        object_id as deal_id,
        property,
        value,
        changed_at
    from {{ all_of('history') }}
    where object_type = 'deal'

),

records as (

    select deal_id
    from {{ ref('int_deals__records') }}

),

-- The records of a deal that was copied: what it was copied from, and the one that goes on.
copied as (

    select
        deal_id as record_id,
        survivor_id as deal_id,
        read_until
    from {{ ref('int_deals__merges') }}
    union
    select
        survivor_id as record_id,
        survivor_id as deal_id,
        cast(null as timestamp) as read_until
    from {{ ref('int_deals__merges') }}

),

-- A CRM may let a copy be dated back to its original: what it tells begins with the import.
begins as (

    select
        copied.record_id,
        copied.deal_id,
        copied.read_until,
        coalesce(min(history.changed_at), min(deals.created_at)) as first_told_at
    from copied
    inner join deals on copied.record_id = deals.deal_id
    left join history on copied.record_id = history.deal_id
    group by copied.record_id, copied.deal_id, copied.read_until

),

ordered as (

    select
        record_id,
        deal_id,
        first_told_at,
        read_until,
        row_number() over (
            partition by deal_id
            order by case when record_id = deal_id then 1 else 0 end, first_told_at, record_id
        ) as place
    from begins

),

turns as (

    select
        ordered.record_id,
        ordered.deal_id,
        coalesce(earlier.read_until, case when earlier.place is not null then ordered.first_told_at end) as told_from,
        case when later.place is not null then coalesce(ordered.read_until, later.first_told_at) end as told_until
    from ordered
    left join ordered as earlier on ordered.deal_id = earlier.deal_id and ordered.place = earlier.place + 1
    left join ordered as later on ordered.deal_id = later.deal_id and ordered.place = later.place - 1

),

told as (

    select
        coalesce(turns.deal_id, deals.deal_id) as deal_id,
        deals.pipeline_id,
        history.property,
        history.value,
        history.changed_at,
        turns.told_from,
        turns.told_until,
        {{ reporting_midnight(add_days(reporting_date('turns.told_from'), 1)) }} as told_whole_from
    from history
    inner join deals on history.deal_id = deals.deal_id
    left join turns on deals.deal_id = turns.record_id

),

carried as (

    select
        deal_id,
        pipeline_id,
        property,
        value,
        greatest(changed_at, told_from) as changed_at,
        row_number() over (
            partition by deal_id, told_from, property order by changed_at desc, value desc
        ) as recency
    from told
    where changed_at < told_whole_from and (told_until is null or greatest(changed_at, told_from) < told_until)

),

counted as (

    select
        deal_id,
        pipeline_id,
        property,
        value,
        changed_at
    from told
    where
        (told_until is null or changed_at < told_until)
        and (told_whole_from is null or changed_at >= told_whole_from)
    union all
    select
        deal_id,
        pipeline_id,
        property,
        value,
        changed_at
    from carried
    where recency = 1

)

select
    counted.deal_id,
    counted.pipeline_id,
    counted.property,
    counted.value,
    counted.changed_at
from counted
inner join records on counted.deal_id = records.deal_id
