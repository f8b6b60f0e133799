with

credits as (

    select
        conversion_type,
        converted_date as date_day,
        channel,
        campaign,
        -- Decimals add up the same in any order; doubles do not.
        sum(cast(first_touch_credit as decimal(18, 15))) as first_touch_credit,
        sum(first_touch_value) as first_touch_value,
        sum(cast(last_touch_credit as decimal(18, 15))) as last_touch_credit,
        sum(last_touch_value) as last_touch_value,
        sum(cast(last_non_direct_credit as decimal(18, 15))) as last_non_direct_credit,
        sum(last_non_direct_value) as last_non_direct_value,
        sum(cast(linear_credit as decimal(18, 15))) as linear_credit,
        sum(linear_value) as linear_value,
        sum(cast(position_based_credit as decimal(18, 15))) as position_based_credit,
        sum(position_based_value) as position_based_value,
        sum(cast(time_decay_credit as decimal(18, 15))) as time_decay_credit,
        sum(time_decay_value) as time_decay_value
    from {{ ref('attribution_credits') }}
    group by conversion_type, converted_date, channel, campaign

),

spend as (

    select
        channel,
        campaign,
        date_day,
        sum(amount_reporting) as spend,
        sum(case when kind = 'media' then amount_reporting else 0 end) as media_spend
    from {{ ref('fct_spend') }}
    where is_marketing
    group by channel, campaign, date_day

),

conversion_types as (

    select conversion_type
    from (values ('lead'), ('mql'), ('opportunity'), ('customer')) as types (conversion_type)

),

-- Money spent where nothing converted makes rows of its own; a group by brings both together.
days as (

    select
        conversion_type,
        date_day,
        channel,
        campaign,
        first_touch_credit,
        first_touch_value,
        last_touch_credit,
        last_touch_value,
        last_non_direct_credit,
        last_non_direct_value,
        linear_credit,
        linear_value,
        position_based_credit,
        position_based_value,
        time_decay_credit,
        time_decay_value,
        cast(0 as decimal(18, 2)) as spend,
        cast(0 as decimal(18, 2)) as media_spend
    from credits
    union all
    select
        conversion_types.conversion_type,
        spend.date_day,
        spend.channel,
        spend.campaign,
        0 as first_touch_credit,
        0 as first_touch_value,
        0 as last_touch_credit,
        0 as last_touch_value,
        0 as last_non_direct_credit,
        0 as last_non_direct_value,
        0 as linear_credit,
        0 as linear_value,
        0 as position_based_credit,
        0 as position_based_value,
        0 as time_decay_credit,
        0 as time_decay_value,
        spend.spend,
        spend.media_spend
    from spend
    cross join conversion_types

),

{% for cadence in ['day', 'week', 'month', 'quarter', 'year'] -%}
per_{{ cadence }} as (

    select
        conversion_type,
        {{ period_start('date_day', cadence) }} as period_start,
        channel,
        campaign,
        {% for model in attribution_models() -%}
        sum({{ model }}_credit) as {{ model }}_credit,
        sum({{ model }}_value) as {{ model }}_value,
        {% endfor -%}
        sum({{ 'media_spend' if cadence in ['day', 'week'] else 'spend' }}) as spend,
        sum(media_spend) as media_spend
    from days
    group by conversion_type, {{ period_start('date_day', cadence) }}, channel, campaign

),

{% endfor -%}

periods as (

    {% for cadence in ['day', 'week', 'month', 'quarter', 'year'] -%}
    select
        '{{ cadence }}' as cadence,
        conversion_type,
        period_start,
        channel,
        campaign,
        {% for model in attribution_models() -%}
        {{ model }}_credit,
        {{ model }}_value,
        {% endfor -%}
        spend,
        media_spend
    from per_{{ cadence }}
    {% if not loop.last -%} union all {% endif -%}
    {% endfor %}

),

models as (

    {% for model in attribution_models() -%}
    select
        '{{ model }}' as model,
        conversion_type,
        cadence,
        period_start,
        channel,
        campaign,
        {{ model }}_credit as conversions,
        {{ model }}_value as value,
        spend,
        media_spend
    from periods
    {% if not loop.last -%} union all {% endif -%}
    {% endfor %}

),

final as (

    select
        model,
        conversion_type,
        cadence,
        period_start,
        channel,
        campaign,
        cast(conversions as double) as conversions,
        cast(value as decimal(18, 2)) as value,
        cast(spend as decimal(18, 2)) as spend,
        cast(media_spend as decimal(18, 2)) as media_spend,
        cast(spend as double) / nullif(cast(conversions as double), 0) as cpa,
        cast(value as double) / nullif(cast(media_spend as double), 0) as roas,
        ({{ var('gross_margin_ratio') }} * cast(value as double) - cast(spend as double))
        / nullif(cast(spend as double), 0) as romi
    from models
    where conversions != 0 or value != 0 or spend != 0

)

select * from final
