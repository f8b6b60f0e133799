-- Positions come from the touch numbers of the person (int_touchpoints__unified), so a path is a range of numbers and no path is
-- sorted here: one pass finds the ends of every path, a second one credits its touches.
with

conversions as (

    select
        conversion_id,
        conversion_type,
        person_id,
        converted_at,
        converted_date,
        value_reporting
    from {{ ref('fct_conversions') }}

),

touches as (

    select
        touch_id,
        person_id,
        touched_at,
        channel,
        campaign,
        touch_number
    from {{ ref('fct_touchpoints') }}

),

-- To the microsecond: a touch later than the conversion, even on its day, is none of its causes.
paths as (

    select
        conversions.conversion_id,
        touches.touch_id,
        touches.channel,
        touches.campaign,
        touches.touch_number,
        -- A whole number, so that weights add up the same in any order.
        cast(round(1e15 * power(
            cast(0.5 as double),
            {{ days_between('touches.touched_at', 'conversions.converted_at') }} / {{ var('attribution_half_life_days') }}
        )) as bigint) as decay_weight
    from conversions
    inner join touches
        on
            conversions.person_id = touches.person_id
            and touches.touched_at <= conversions.converted_at
            and {{ epoch_microseconds('touches.touched_at') }}
            >= {{ epoch_microseconds('conversions.converted_at') }}
            - {{ var('attribution_lookback_days') }} * 86400000000

),

ends as (

    select
        conversion_id,
        min(touch_number) as first_number,
        max(touch_number) as last_number,
        max(case when channel != 'direct' then touch_number end) as last_non_direct_number,
        count(*) as touches,
        sum(decay_weight) as decay_weights
    from paths
    group by conversion_id

),

credited as (

    select
        paths.conversion_id,
        paths.touch_id,
        paths.channel,
        paths.campaign,
        paths.touch_number - ends.first_number + 1 as position,
        paths.touch_number = ends.last_number as is_last,
        case when paths.touch_number = ends.first_number then 1.0 else 0.0 end as first_touch_credit,
        case when paths.touch_number = ends.last_number then 1.0 else 0.0 end as last_touch_credit,
        -- A path of nothing but direct visits credits the last of them.
        case
            when paths.touch_number = coalesce(ends.last_non_direct_number, ends.last_number) then 1.0
            else 0.0
        end as last_non_direct_credit,
        cast(1 as double) / ends.touches as linear_credit,
        {{ position_based_credit(
            'paths.touch_number = ends.first_number', 'paths.touch_number = ends.last_number', 'ends.touches'
        ) }} as position_based_credit,
        cast(paths.decay_weight as double) / cast(ends.decay_weights as double) as time_decay_credit
    from paths
    inner join ends on paths.conversion_id = ends.conversion_id

),

-- Whole cents, rounded down; what is missing to the value goes to the last touch below.
valued as (

    select
        credited.conversion_id,
        conversions.conversion_type,
        conversions.converted_date,
        conversions.value_reporting,
        credited.touch_id,
        credited.channel,
        credited.campaign,
        credited.position,
        credited.is_last,
        credited.first_touch_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.first_touch_credit') }} as first_touch_value,
        credited.last_touch_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.last_touch_credit') }} as last_touch_value,
        credited.last_non_direct_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.last_non_direct_credit') }} as last_non_direct_value,
        credited.linear_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.linear_credit') }} as linear_value,
        credited.position_based_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.position_based_credit') }} as position_based_value,
        credited.time_decay_credit,
        {{ whole_cents('conversions.value_reporting', 'credited.time_decay_credit') }} as time_decay_value
    from credited
    inner join conversions on credited.conversion_id = conversions.conversion_id

),

residuals as (

    select
        conversion_id,
        max(value_reporting) - sum(first_touch_value) as first_touch_residual,
        max(value_reporting) - sum(last_touch_value) as last_touch_residual,
        max(value_reporting) - sum(last_non_direct_value) as last_non_direct_residual,
        max(value_reporting) - sum(linear_value) as linear_residual,
        max(value_reporting) - sum(position_based_value) as position_based_residual,
        max(value_reporting) - sum(time_decay_value) as time_decay_residual
    from valued
    group by conversion_id

),

attributed as (

    select
        valued.conversion_id,
        valued.touch_id,
        valued.channel,
        valued.campaign,
        valued.converted_date,
        valued.conversion_type,
        valued.position,
        valued.first_touch_credit,
        valued.first_touch_value + case when valued.is_last then residuals.first_touch_residual else 0 end as first_touch_value,
        valued.last_touch_credit,
        valued.last_touch_value + case when valued.is_last then residuals.last_touch_residual else 0 end as last_touch_value,
        valued.last_non_direct_credit,
        valued.last_non_direct_value + case when valued.is_last then residuals.last_non_direct_residual else 0 end as last_non_direct_value,
        valued.linear_credit,
        valued.linear_value + case when valued.is_last then residuals.linear_residual else 0 end as linear_value,
        valued.position_based_credit,
        valued.position_based_value + case when valued.is_last then residuals.position_based_residual else 0 end as position_based_value,
        valued.time_decay_credit,
        valued.time_decay_value + case when valued.is_last then residuals.time_decay_residual else 0 end as time_decay_value
    from valued
    inner join residuals on valued.conversion_id = residuals.conversion_id

),

unattributed as (

    select
        conversions.conversion_id,
        cast(null as varchar) as touch_id,
        'unattributed' as channel,
        '(none)' as campaign,
        conversions.converted_date,
        conversions.conversion_type,
        1 as position,
        1.0 as first_touch_credit,
        conversions.value_reporting as first_touch_value,
        1.0 as last_touch_credit,
        conversions.value_reporting as last_touch_value,
        1.0 as last_non_direct_credit,
        conversions.value_reporting as last_non_direct_value,
        1.0 as linear_credit,
        conversions.value_reporting as linear_value,
        1.0 as position_based_credit,
        conversions.value_reporting as position_based_value,
        1.0 as time_decay_credit,
        conversions.value_reporting as time_decay_value
    from conversions
    left join ends on conversions.conversion_id = ends.conversion_id
    where ends.conversion_id is null

),

unioned as (

    select * from attributed
    union all
    select * from unattributed

),

final as (

    select
        conversion_id,
        touch_id,
        channel,
        campaign,
        converted_date,
        conversion_type,
        cast(position as integer) as position,
        cast(first_touch_credit as double) as first_touch_credit,
        cast(first_touch_value as decimal(18, 2)) as first_touch_value,
        cast(last_touch_credit as double) as last_touch_credit,
        cast(last_touch_value as decimal(18, 2)) as last_touch_value,
        cast(last_non_direct_credit as double) as last_non_direct_credit,
        cast(last_non_direct_value as decimal(18, 2)) as last_non_direct_value,
        cast(linear_credit as double) as linear_credit,
        cast(linear_value as decimal(18, 2)) as linear_value,
        cast(position_based_credit as double) as position_based_credit,
        cast(position_based_value as decimal(18, 2)) as position_based_value,
        cast(time_decay_credit as double) as time_decay_credit,
        cast(time_decay_value as decimal(18, 2)) as time_decay_value
    from unioned

)

select * from final
