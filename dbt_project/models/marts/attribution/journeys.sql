{{ config(materialized='table_by_month', meta={
    'month_of': 'converted_date',
    'made_of': {
        'attribution_credits': {},
        'fct_conversions': {},
        'fct_touchpoints': {'days_before': 1, 'days_after': var('attribution_lookback_days') + 1}
    }
}) }}

with

credits as (

    select
        conversion_id,
        touch_id,
        channel,
        position
    from {{ ref('attribution_credits') }}
    where {{ in_stale_months('attribution_credits') }}

),

touches as (

    select
        touch_id,
        touched_at
    from {{ ref('fct_touchpoints') }}
    where {{ in_stale_months('fct_touchpoints') }}

),

conversions as (

    select
        conversion_id,
        conversion_type,
        person_id,
        company_id,
        converted_at,
        converted_date,
        value_reporting
    from {{ ref('fct_conversions') }}
    where {{ in_stale_months('fct_conversions') }}

),

paths as (

    select
        credits.conversion_id,
        {{ joined_text('credits.channel', ' > ', 'credits.position') }} as path,
        count(credits.touch_id) as touches,
        count(distinct credits.channel) as channels,
        min_by(credits.channel, credits.position) as first_channel,
        max_by(credits.channel, credits.position) as last_channel,
        min(touches.touched_at) as first_touched_at,
        max(touches.touched_at) as last_touched_at
    from credits
    left join touches on credits.touch_id = touches.touch_id
    group by credits.conversion_id

),

final as (

    select
        conversions.conversion_id,
        conversions.conversion_type,
        conversions.person_id,
        conversions.company_id,
        paths.path,
        cast(paths.touches as integer) as touches,
        cast(paths.channels as integer) as channels,
        paths.first_channel,
        paths.last_channel,
        paths.first_touched_at,
        paths.last_touched_at,
        conversions.converted_at,
        conversions.converted_date,
        case
            when paths.first_touched_at is not null
                then {{ days_between('paths.first_touched_at', 'conversions.converted_at') }}
        end as days_to_conversion,
        conversions.value_reporting
    from conversions
    inner join paths on conversions.conversion_id = paths.conversion_id

)

select * from final
