-- A month's year begins up to 335 days before it, its first week up to six.
{{ config(materialized='table_by_month', meta={
    'month_of': 'period_start',
    'made_of': {
        'attribution_credits': {'days_before': 335},
        'attribution_data_driven': {'days_before': 335},
        'fct_spend': {'days_before': 335}
    }
}) }}
{% set cadences = ['day', 'week', 'month', 'quarter', 'year'] %}
{# Data-driven models say something of months and what is made of months, at channel level. #}
{% set driven_cadences = ['month', 'quarter', 'year'] %}

with

-- Decimals add up the same in any order; doubles do not.
credits as (

    select
        conversion_type,
        converted_date as date_day,
        channel,
        {%- for model in attribution_models() %}
        sum(cast({{ model }}_credit as decimal(18, 15))) as {{ model }}_credit,
        sum({{ model }}_value) as {{ model }}_value,
        {%- endfor %}
        campaign
    from {{ ref('attribution_credits') }}
    where {{ in_stale_months('attribution_credits') }}
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
    where is_marketing and {{ in_stale_months('fct_spend') }}
    group by channel, campaign, date_day

),

-- Money spent where nothing converted makes rows of its own; adding up over periods brings both together.
days as (

    select
        conversion_type,
        date_day,
        channel,
        campaign
        {%- for model in attribution_models() %},
        {{ model }}_credit,
        {{ model }}_value
        {%- endfor %},
        0 as spend,
        0 as media_spend
    from credits
    {%- for conversion_type in converting_types(ref('attribution_credits')) %}
    union all
    select
        '{{ conversion_type }}' as conversion_type,
        date_day,
        channel,
        campaign
        {%- for model in attribution_models() %},
        0 as {{ model }}_credit,
        0 as {{ model }}_value
        {%- endfor %},
        spend,
        media_spend
    from spend
    {%- endfor %}

),

periods as (

    {% for cadence in cadences -%}
    select
        '{{ cadence }}' as cadence,
        conversion_type,
        {{ period_start('date_day', cadence) }} as period_start,
        channel,
        campaign
        {%- for model in attribution_models() %},
        sum({{ model }}_credit) as {{ model }}_credit,
        sum({{ model }}_value) as {{ model }}_value
        {%- endfor %},
        -- Costs other than media are monthly: a day or a week has no part of them.
        sum({{ 'media_spend' if cadence in ['day', 'week'] else 'spend' }}) as spend,
        sum(media_spend) as media_spend
    from days
    group by conversion_type, {{ period_start('date_day', cadence) }}, channel, campaign
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

driven as (

    select
        model,
        conversion_type,
        month,
        channel,
        conversions,
        value,
        withheld_reason
    from {{ ref('attribution_data_driven') }}
    where {{ in_stale_months('attribution_data_driven') }}

),

-- A quarter or a year with a month that is withheld is withheld itself: the rest would look like all of it.
driven_periods as (

    {% for cadence in driven_cadences -%}
    select
        '{{ cadence }}' as cadence,
        model,
        conversion_type,
        {{ period_start('month', cadence) }} as period_start
    from driven
    group by model, conversion_type, {{ period_start('month', cadence) }}
    having max(withheld_reason) is null
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

driven_parts as (

    {% for cadence in driven_cadences -%}
    select
        '{{ cadence }}' as cadence,
        model,
        conversion_type,
        {{ period_start('month', cadence) }} as period_start,
        channel,
        conversions,
        value,
        0 as spend,
        0 as media_spend
    from driven
    where withheld_reason is null
    union all
    select
        driven_periods.cadence,
        driven_periods.model,
        driven_periods.conversion_type,
        driven_periods.period_start,
        spend.channel,
        0 as conversions,
        0 as value,
        spend.spend,
        spend.media_spend
    from spend
    inner join driven_periods on {{ period_start('spend.date_day', cadence) }} = driven_periods.period_start
    where driven_periods.cadence = '{{ cadence }}'
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

driven_channels as (

    select
        driven_parts.model,
        driven_parts.conversion_type,
        driven_parts.cadence,
        driven_parts.period_start,
        driven_parts.channel,
        cast(sum(driven_parts.conversions) as decimal(38, 15)) as conversions,
        sum(driven_parts.value) as value,
        sum(driven_parts.spend) as spend,
        sum(driven_parts.media_spend) as media_spend
    from driven_parts
    inner join driven_periods
        on
            driven_parts.model = driven_periods.model
            and driven_parts.conversion_type = driven_periods.conversion_type
            and driven_parts.cadence = driven_periods.cadence
            and driven_parts.period_start = driven_periods.period_start
    group by
        driven_parts.model,
        driven_parts.conversion_type,
        driven_parts.cadence,
        driven_parts.period_start,
        driven_parts.channel

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
    where {{ model }}_credit != 0 or {{ model }}_value != 0 or spend != 0
    union all
    {% endfor -%}
    select
        model,
        conversion_type,
        cadence,
        period_start,
        channel,
        '(all)' as campaign,
        conversions,
        value,
        spend,
        media_spend
    from driven_channels
    where conversions != 0 or value != 0 or spend != 0

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
        nullif(cast(spend as double), 0) / nullif(cast(conversions as double), 0) as cpa,
        cast(value as double) / nullif(cast(media_spend as double), 0) as roas,
        ({{ var('gross_margin_ratio') }} * cast(value as double) - cast(spend as double))
        / nullif(cast(spend as double), 0) as romi
    from models

)

select * from final
