-- Deals that were copied from one CRM into another, and the copy that goes on from there.
with recursive

links as (

    select
        imported_id as loser_id,
        deal_id as survivor_id
    from {{ all_of('deals') }}
    where imported_id is not null and imported_id != deal_id and not is_archived

),

{{ surviving_records('links', 'deal_id') }}
