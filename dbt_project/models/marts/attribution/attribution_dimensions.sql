-- Credits by what their touch or their conversion is, beside its channel and campaign. A month's year begins up to 335
-- days before it, and a session may lie in a path as long as the look-back is.
{% set dimensions = ['landing_page', 'content', 'segment', 'country'] %}
{% set cadences = ['month', 'quarter', 'year'] %}
{{ config(materialized='table_by_month', meta={
    'month_of': 'period_start',
    'made_of': {
        'attribution_credits': {'days_before': 335},
        'int_attribution__conversions': {'days_before': 335},
        'fct_sessions': {'days_before': 335, 'days_after': path_reach_days()}
    }
}) }}

with

credits as (

    select
        conversion_id,
        touch_id,
        conversion_type,
        {%- for model in attribution_models() %}
        cast({{ model }}_credit as decimal(18, 15)) as {{ model }}_credit,
        {{ model }}_value,
        {%- endfor %}
        converted_date
    from {{ ref('attribution_credits') }}
    where {{ in_stale_months('attribution_credits') }}

),

conversions as (

    select
        conversion_id,
        country,
        segment
    from {{ ref('int_attribution__conversions') }}
    where {{ in_stale_months('int_attribution__conversions') }}

),

-- Only visits have a page they begin on, and a link whose content is known.
sessions as (

    select
        concat('session:', session_key) as touch_id,
        landing_page,
        content
    from {{ ref('fct_sessions') }}
    where {{ in_stale_months('fct_sessions') }}

),

described as (

    select
        credits.*,
        {{ period_start('credits.converted_date', 'month') }} as month,
        {{ or_none('sessions.landing_page') }} as landing_page,
        {{ or_none('sessions.content') }} as content,
        {{ or_none('conversions.country') }} as country,
        {{ or_none('conversions.segment') }} as segment
    from credits
    left join conversions on credits.conversion_id = conversions.conversion_id
    left join sessions on credits.touch_id = sessions.touch_id

),

months as (

    {% for dimension in dimensions -%}
    select
        conversion_type,
        month,
        '{{ dimension }}' as dimension,
        {%- for model in attribution_models() %}
        sum({{ model }}_credit) as {{ model }}_credit,
        sum({{ model }}_value) as {{ model }}_value,
        {%- endfor %}
        {{ dimension }} as dimension_value
    from described
    group by conversion_type, month, {{ dimension }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

periods as (

    {% for cadence in cadences -%}
    select
        '{{ cadence }}' as cadence,
        conversion_type,
        {{ period_start('month', cadence) }} as period_start,
        dimension,
        {%- for model in attribution_models() %}
        sum({{ model }}_credit) as {{ model }}_credit,
        sum({{ model }}_value) as {{ model }}_value,
        {%- endfor %}
        dimension_value
    from months
    group by conversion_type, {{ period_start('month', cadence) }}, dimension, dimension_value
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

),

final as (

    {% for model in attribution_models() -%}
    select
        '{{ model }}' as model,
        conversion_type,
        cadence,
        period_start,
        dimension,
        dimension_value,
        cast({{ model }}_credit as double) as conversions,
        cast({{ model }}_value as decimal(18, 2)) as value
    from periods
    where {{ model }}_credit != 0 or {{ model }}_value != 0
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}

)

select * from final
