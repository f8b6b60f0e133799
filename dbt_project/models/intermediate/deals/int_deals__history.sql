-- What each deal that counts was, by every CRM that tells it: the one it was copied from until that one is history, its
-- own CRM from then on (var crm_until). A stage keeps the pipeline of the record that was in it.
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

-- From when on a copy tells of its deal.
begins as (

    select
        survivor_id as deal_id,
        max({{ read_until('deal_id') }}) as told_from
    from merged
    group by survivor_id

),

told as (

    select
        coalesce(merged.survivor_id, deals.deal_id) as deal_id,
        deals.pipeline_id,
        history.property,
        history.value,
        history.changed_at,
        case when merged.survivor_id is not null then {{ read_until('deals.deal_id') }} end as told_until,
        case when merged.survivor_id is null then begins.told_from end as told_from
    from {{ all_of('history') }} as history
    inner join deals on history.object_id = deals.deal_id
    left join merged on deals.deal_id = merged.deal_id
    left join begins on deals.deal_id = begins.deal_id
    where history.object_type = 'deal'

)

select
    told.deal_id,
    told.pipeline_id,
    told.property,
    told.value,
    told.changed_at
from told
inner join records on told.deal_id = records.deal_id
where
    (told.told_until is null or told.changed_at < told.told_until)
    and (told.told_from is null or told.changed_at >= told.told_from)
