-- How each deal stands: open, won or lost, and since when. Closes that were reopened left no trace here: only the last
-- one stands.
with

statuses as (

    select
        deal_id,
        stage_status,
        entered_at,
        left_at,
        lag(stage_status) over (partition by deal_id order by entered_at, stage_id) as status_before
    from {{ ref('int_deals__stages') }}

),

changes as (

    select
        deal_id,
        stage_status,
        entered_at,
        row_number() over (partition by deal_id order by entered_at desc, left_at desc nulls first) as recency
    from statuses
    where status_before is null or status_before != stage_status

)

select
    deal_id,
    stage_status as status,
    case when stage_status != 'open' then entered_at end as closed_at
from changes
where recency = 1
