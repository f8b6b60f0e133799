{{ config(materialized='table_by_month', meta={
    'month_of': 'converted_date',
    'made_of': {
        'attribution_credits': {},
        'fct_conversions': {},
        'fct_touchpoints': {'days_before': 1, 'days_after': path_reach_days()}
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
        lead_at,
        opportunity_at,
        value_reporting
    from {{ ref('fct_conversions') }}
    where {{ in_stale_months('fct_conversions') }}

),

-- A path in short names a channel once for all touches in a row that are of it.
steps as (

    select
        credits.conversion_id,
        credits.touch_id,
        credits.channel,
        credits.position,
        {{ path_step('credits.channel') }} as step,
        lag(credits.channel) over (
            partition by credits.conversion_id order by credits.position
        ) as channel_before,
        touches.touched_at
    from credits
    left join touches on credits.touch_id = touches.touch_id

),

paths as (

    select
        steps.conversion_id,
        {{ joined_text('steps.step', ' > ', 'steps.position') }} as path,
        {{ joined_text(
            'case when steps.channel is distinct from steps.channel_before then steps.step end', ' > ', 'steps.position'
        ) }} as channel_path,
        count(steps.touch_id) as touches,
        count(distinct steps.channel) as channels,
        min_by(steps.channel, steps.position) as first_channel,
        max_by(steps.channel, steps.position)
        filter (where steps.touched_at <= conversions.lead_at) as lead_creating_channel,
        max_by(steps.channel, steps.position)
        filter (where steps.touched_at <= conversions.opportunity_at) as opportunity_creating_channel,
        max_by(steps.channel, steps.position) as last_channel,
        min(steps.touched_at) as first_touched_at,
        max(steps.touched_at) as last_touched_at
    from steps
    inner join conversions on steps.conversion_id = conversions.conversion_id
    group by steps.conversion_id

),

final as (

    select
        conversions.conversion_id,
        conversions.conversion_type,
        conversions.person_id,
        conversions.company_id,
        paths.path,
        paths.channel_path,
        cast(paths.touches as integer) as touches,
        cast(paths.channels as integer) as channels,
        paths.first_channel,
        paths.lead_creating_channel,
        paths.opportunity_creating_channel,
        paths.last_channel,
        paths.first_touched_at,
        paths.last_touched_at,
        conversions.converted_at,
        conversions.converted_date,
        case
            when paths.first_touched_at is not null
                then {{ days_between('paths.first_touched_at', 'conversions.converted_at') }}
        end as days_to_conversion,
        cast({{ setting_of_conversion('conversions.conversion_type', 'lookback_days') }} as double) as lookback_days,
        {{ setting_of_conversion('conversions.conversion_type', 'paths_of') }} as paths_of,
        conversions.value_reporting
    from conversions
    inner join paths on conversions.conversion_id = paths.conversion_id

)

select * from final
