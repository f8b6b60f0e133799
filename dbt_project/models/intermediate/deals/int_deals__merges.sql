-- Deals that were copied from one CRM into another, and the copy that goes on from there. A copy that was deleted is
-- none, but where the CRM of its original was history by then, and no other copy stands, the deal is deleted with it.
-- read_until: when the CRM of the original became history (var crm_until); null where nobody says.
with recursive

known as (

    select
        imported_id,
        deal_id,
        is_archived,
        max(case when is_archived then 0 else 1 end) over (partition by imported_id) = 1 as has_standing_copy
    from {{ all_of('deals') }}
    where
        imported_id is not null
        and imported_id != deal_id
        and (not is_archived or updated_at >= {{ read_until('imported_id') }})

),

copies as (

    select
        imported_id as loser_id,
        deal_id as survivor_id
    from known
    where not (is_archived and has_standing_copy)

),

-- Two CRMs in step name each other's deal: one of the two goes on.
links as (

    select
        copies.loser_id,
        copies.survivor_id
    from copies
    left join copies as back on copies.loser_id = back.survivor_id and copies.survivor_id = back.loser_id
    where back.loser_id is null or copies.survivor_id < copies.loser_id

),

{{ surviving_records('links') }}

select
    loser_id as deal_id,
    survivor_id,
    {{ read_until('loser_id') }} as read_until
from survivors
