-- One row per deal that counts: neither archived nor copied into another CRM; a copy is as old as its original.
with

deals as (

    select
        deal_id,
        owner_id,
        pipeline_id,
        stage_id,
        lost_reason,
        partner,
        currency,
        amount,
        recurring_amount,
        is_archived,
        created_at
    from {{ all_of('deals') }}

),

merged as (

    select
        deal_id,
        survivor_id
    from {{ ref('int_deals__merges') }}

),

first_created as (

    select
        coalesce(merged.survivor_id, deals.deal_id) as deal_id,
        min(deals.created_at) as created_at
    from deals
    left join merged on deals.deal_id = merged.deal_id
    group by coalesce(merged.survivor_id, deals.deal_id)

)

select
    deals.deal_id,
    deals.owner_id,
    deals.pipeline_id,
    deals.stage_id,
    deals.lost_reason,
    deals.partner,
    deals.currency,
    deals.amount,
    deals.recurring_amount,
    first_created.created_at
from deals
inner join first_created on deals.deal_id = first_created.deal_id
left join merged on deals.deal_id = merged.deal_id
where merged.survivor_id is null and not deals.is_archived
