with

stages as (

    select
        deal_id,
        stage_id,
        stage,
        stage_order,
        stage_status,
        entered_at,
        left_at
    from {{ ref('int_deals__stages') }}

),

final as (

    select
        concat(deal_id, ':', cast(row_number() over (partition by deal_id order by entered_at, stage_id) as varchar))
            as deal_stage_id,
        deal_id,
        stage_id,
        stage,
        cast(stage_order as integer) as stage_order,
        entered_at,
        left_at,
        {{ reporting_date('entered_at') }} as entered_date,
        {{ reporting_date('left_at') }} as left_date,
        case when left_at is not null then {{ days_between('entered_at', 'left_at') }} end as duration_days,
        stage_status = 'open' as is_open,
        stage_status = 'won' as is_won,
        left_at is null as is_current
    from stages

)

select * from final
