-- A month's year begins up to 335 days before it, its first week up to six.
{{ config(materialized='table_by_month', meta={
    'month_of': 'period_start',
    'made_of': {'attribution_credits': {'days_before': 335}, 'fct_spend': {'days_before': 335}}
}) }}
{% set cadences = ['day', 'week', 'month', 'quarter', 'year'] %}

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
    {%- for conversion_type in conversion_types() %}
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
    {% if not loop.last -%}
    union all
    {% endif -%}
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

)

select * from final
