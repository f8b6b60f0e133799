-- What each deal that counts was, by every CRM that tells it: the one it was copied from until that one is history, its
-- own CRM from then on (var crm_until). A stage keeps the pipeline of the record that was in it. An import fills a
-- record step by step: of the first day the copy tells only what it was in the end.
with

deals as (

    select
        deal_id,
        pipeline_id
    from {{ all_of('deals') }}

),

merged as (

    select
        deal_id,
        survivor_id
    from {{ ref('int_deals__merges') }}

),

records as (

    select deal_id
    from {{ ref('int_deals__records') }}

),

-- From when on a copy tells of its deal, and from when on all of it.
begins as (

    select
        merged.survivor_id as deal_id,
        max({{ read_until('merged.deal_id') }}) as told_from,
        max({{ read_until('merged.deal_id', days=1) }}) as told_whole_from
    from merged
    inner join deals on merged.deal_id = deals.deal_id
    group by merged.survivor_id

),

told as (

    select
        coalesce(merged.survivor_id, deals.deal_id) as deal_id,
        deals.pipeline_id,
        history.property,
        history.value,
        history.changed_at,
        case when merged.survivor_id is not null then {{ read_until('deals.deal_id') }} end as told_until,
        case when merged.survivor_id is null then begins.told_from end as told_from,
        case when merged.survivor_id is null then begins.told_whole_from end as told_whole_from
    from {{ all_of('history') }} as history
    inner join deals on history.object_id = deals.deal_id
    left join merged on deals.deal_id = merged.deal_id
    left join begins on deals.deal_id = begins.deal_id
    where history.object_type = 'deal'

),

-- What a copy had become by the end of that day.
carried as (

    select
        deal_id,
        pipeline_id,
        property,
        value,
        greatest(changed_at, told_from) as changed_at,
        row_number() over (partition by deal_id, property order by changed_at desc, value desc) as recency
    from told
    where changed_at < told_whole_from

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
