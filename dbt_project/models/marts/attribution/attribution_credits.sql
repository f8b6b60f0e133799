-- Positions come from the touch numbers of the person (int_touchpoints__unified), so a path is a range of numbers and
-- no path is sorted here: one pass finds the ends of every path, a second one credits its touches.
-- An instant and its reporting date are less than a day apart.
{{ config(materialized='table_by_month', meta={
    'month_of': 'converted_date',
    'made_of': {
        'fct_conversions': {},
        'fct_touchpoints': {'days_before': 1, 'days_after': var('attribution_lookback_days') + 1}
    }
}) }}

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
    where {{ in_stale_months('fct_conversions') }}

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
    where {{ in_stale_months('fct_touchpoints') }}

),

-- To the microsecond: a touch later than the conversion, even on its day, is none of its causes.
paths as (

    select
        conversions.conversion_id,
        conversions.value_reporting,
        touches.touch_id,
        touches.channel,
        touches.campaign,
        touches.touch_number,
        {{ decay_weight('touches.touched_at', 'conversions.converted_at') }} as decay_weight
    from conversions
    inner join touches
        on
            conversions.person_id = touches.person_id
            and conversions.converted_at >= touches.touched_at
            and {{ epoch_microseconds('conversions.converted_at') }} - {{ epoch_microseconds('touches.touched_at') }}
            <= {{ var('attribution_lookback_days') }} * 86400000000

),

ends as (

    select
        conversion_id,
        min(touch_number) as first_number,
        max(touch_number) as last_number,
        -- A path of nothing but direct visits credits the last of them.
        coalesce(
            max(case when channel != 'direct' then touch_number end), max(touch_number)
        ) as last_non_direct_number,
        count(*) as touches,
        sum(decay_weight) as decay_weights
    from paths
    group by conversion_id

),

credited as (

    select
        paths.conversion_id,
        paths.value_reporting,
        paths.touch_id,
        paths.channel,
        paths.campaign,
        paths.touch_number - ends.first_number + 1 as position,
        paths.touch_number = ends.last_number as is_last,
        case when paths.touch_number = ends.first_number then 1.0 else 0.0 end as first_touch_credit,
        case when paths.touch_number = ends.last_number then 1.0 else 0.0 end as last_touch_credit,
        case when paths.touch_number = ends.last_non_direct_number then 1.0 else 0.0 end as last_non_direct_credit,
        cast(1 as double) / ends.touches as linear_credit,
        {{ position_based_credit(
            'paths.touch_number = ends.first_number', 'paths.touch_number = ends.last_number', 'ends.touches'
        ) }} as position_based_credit,
        cast(paths.decay_weight as double) / cast(ends.decay_weights as double) as time_decay_credit
    from paths
    inner join ends on paths.conversion_id = ends.conversion_id

),

-- Whole cents, rounded down; what is then missing to the value goes to the last touch.
rounded as (

    select
        conversion_id,
        value_reporting,
        touch_id,
        channel,
        campaign,
        position,
        {%- for model in attribution_models() %}
        {{ model }}_credit,
        {{ whole_cents('value_reporting', model ~ '_credit') }} as {{ model }}_value,
        {%- endfor %}
        is_last
    from credited

),

residuals as (

    select
        {%- for model in attribution_models() %}
        max(value_reporting) - sum({{ model }}_value) as {{ model }}_residual,
        {%- endfor %}
        conversion_id
    from rounded
    group by conversion_id

),

shares as (

    select
        rounded.conversion_id,
        rounded.touch_id,
        rounded.channel,
        rounded.campaign,
        {%- for model in attribution_models() %}
        rounded.{{ model }}_credit,
        rounded.{{ model }}_value
        + case when rounded.is_last then residuals.{{ model }}_residual else 0 end as {{ model }}_value,
        {%- endfor %}
        rounded.position
    from rounded
    inner join residuals on rounded.conversion_id = residuals.conversion_id

),

final as (

    select
        conversions.conversion_id,
        shares.touch_id,
        coalesce(shares.channel, 'unattributed') as channel,
        {{ or_none('shares.campaign') }} as campaign,
        conversions.converted_date,
        conversions.conversion_type,
        {%- for model in attribution_models() %}
        cast(coalesce(shares.{{ model }}_credit, 1) as double) as {{ model }}_credit,
        cast(coalesce(shares.{{ model }}_value, conversions.value_reporting) as decimal(18, 2)) as {{ model }}_value,
        {%- endfor %}
        cast(coalesce(shares.position, 1) as integer) as position
    from conversions
    left join shares on conversions.conversion_id = shares.conversion_id

)

select * from final
