-- What data-driven models are fitted to, packed: of each month and type of conversion the distinct sequences of
-- channels. A conversion counts in its own month. A null journey is known by what lies near it, so that a month stays
-- as it is once the look-back after it is over: touches of which the last is followed, within the look-back, neither by
-- a touch nor by a conversion of the type. It holds what its path would, had it converted with its last touch, and
-- begins after the conversion before. Who has what is had once wants it no more, and leaves no null journey of it (a
-- conversion is remembered for ten years here).
{% set reach = path_reach_days() %}
{{ config(materialized='table_by_month', meta={
    'month_of': 'month',
    'made_of': {
        'attribution_credits': {},
        'fct_conversions': {'days_before': reach, 'days_after': 3660},
        'fct_touchpoints': {'days_before': reach, 'days_after': reach}
    }
}) }}

with

credits as (

    select
        conversion_id,
        conversion_type,
        converted_date,
        touch_id,
        channel,
        position
    from {{ ref('attribution_credits') }}
    where {{ in_stale_months('attribution_credits') }}

),

conversions as (

    select
        conversion_id,
        conversion_type,
        {{ path_owner('conversion_type', 'company_id', 'person_id') }} as owner_id,
        converted_at,
        value_reporting
    from {{ ref('fct_conversions') }}
    where {{ in_stale_months('fct_conversions') }}

),

touchpoints as (

    select
        touch_id,
        person_id,
        company_id,
        touched_at,
        touch_type,
        channel,
        campaign,
        touch_number
    from {{ ref('fct_touchpoints') }}
    where {{ in_stale_months('fct_touchpoints') }}

),

owned as (

    {{ touches_by_owner('touchpoints') }}

),

touches as (

    select
        *,
        lead(touched_at) over (partition by touch_set, owner_id order by touch_number) as next_at
    from owned

),

-- Conversions without a touch have the empty path.
converted as (

    select
        conversion_id,
        conversion_type,
        {{ period_start('min(converted_date)', 'month') }} as month,
        case when max(touch_id) is null then '[]' else {{ json_list('channel', 'position') }} end as path
    from credits
    group by conversion_id, conversion_type

),

types as (

    {%- for set in touch_sets() %}
    {%- set number = loop.index %}
    {%- set is_last_set = loop.last %}
    {%- for conversion_type in set.conversion_types %}
    select
        '{{ conversion_type }}' as conversion_type,
        {{ number }} as touch_set,
        {{ lookback_microseconds(conversion_type) }} as lookback,
        {{ conversion_type not in attribution_settings().attribution_repeated }} as is_had_once
    {{ 'union all' if not (loop.last and is_last_set) }}
    {%- endfor %}
    {%- endfor %}

),

stops as (

    select
        types.conversion_type,
        types.touch_set,
        types.lookback,
        types.is_had_once,
        touches.owner_id,
        touches.touched_at,
        touches.touch_number
    from touches
    inner join types
        on
            touches.touch_set = types.touch_set
            and touches.owner_id
            = {{ path_owner('types.conversion_type', 'touches.company_id', 'touches.person_id') }}
    where
        types.conversion_type in {{ in_list(converting_types(ref('attribution_credits'))) }}
        -- Of who ordered on a browser that is nobody's no more is known than orders.
        and (types.conversion_type = 'order' or touches.owner_id not like 'browser:%')
        and (
            touches.next_at is null
            or not {{ within_lookback('touches.touched_at', 'touches.next_at', 'types.lookback') }}
        )

),

ends as (

    select
        stops.conversion_type,
        stops.touch_set,
        stops.lookback,
        stops.owner_id,
        stops.touched_at,
        stops.touch_number,
        max(conversions.converted_at) as previous_at
    from stops
    left join conversions
        on
            stops.owner_id = conversions.owner_id
            and stops.conversion_type = conversions.conversion_type
            and (
                stops.touched_at > conversions.converted_at
                or {{ within_lookback('stops.touched_at', 'conversions.converted_at', 'stops.lookback') }}
            )
    group by
        stops.conversion_type,
        stops.touch_set,
        stops.lookback,
        stops.is_had_once,
        stops.owner_id,
        stops.touched_at,
        stops.touch_number
    having
        max(conversions.converted_at) is null
        or (not stops.is_had_once and max(conversions.converted_at) < stops.touched_at)

),

null_journeys as (

    select
        ends.conversion_type,
        {{ period_start(reporting_date('ends.touched_at'), 'month') }} as month,
        {{ json_list('touches.channel', 'touches.touch_number') }} as path
    from ends
    inner join touches
        on
            ends.touch_set = touches.touch_set
            and ends.owner_id = touches.owner_id
            and ends.touch_number >= touches.touch_number
            and {{ within_lookback('touches.touched_at', 'ends.touched_at', 'ends.lookback') }}
            and (ends.previous_at is null or ends.previous_at < touches.touched_at)
    group by ends.conversion_type, ends.owner_id, ends.touch_number, ends.touched_at

),

journeys as (

    select
        converted.conversion_type,
        converted.month,
        converted.path,
        1 as conversions,
        conversions.value_reporting as value,
        0 as nulls
    from converted
    inner join conversions on converted.conversion_id = conversions.conversion_id
    union all
    select
        conversion_type,
        month,
        path,
        0 as conversions,
        0 as value,
        1 as nulls
    from null_journeys

),

final as (

    select
        conversion_type,
        month,
        path,
        cast(sum(conversions) as bigint) as conversions,
        cast(sum(value) as decimal(18, 2)) as value,
        cast(sum(nulls) as bigint) as nulls
    from journeys
    group by conversion_type, month, path

)

select * from final
