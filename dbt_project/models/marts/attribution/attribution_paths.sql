-- A month's year begins up to 335 days before it.
{{ config(materialized='table_by_month', meta={
    'month_of': 'period_start',
    'made_of': {'journeys': {'days_before': 335}}
}) }}
{% set cadences = ['quarter', 'year'] %}

with

journeys as (

    select
        conversion_type,
        converted_date,
        channel_path,
        touches,
        days_to_conversion,
        value_reporting
    from {{ ref('journeys') }}
    where {{ in_stale_months('journeys') }}

),

paths as (

    {% for cadence in cadences %}
    select
        conversion_type,
        '{{ cadence }}' as cadence,
        {{ period_start('converted_date', cadence) }} as period_start,
        channel_path,
        count(*) as conversions,
        sum(value_reporting) as value,
        cast(sum(touches) as double) / count(*) as touches_per_conversion,
        median(days_to_conversion) as median_days
    from journeys
    group by conversion_type, {{ period_start('converted_date', cadence) }}, channel_path
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

final as (

    select
        conversion_type,
        cadence,
        period_start,
        channel_path,
        cast(row_number() over (
            partition by conversion_type, cadence, period_start
            order by conversions desc, value desc, channel_path asc
        ) as integer) as frequency_rank,
        cast(conversions as integer) as conversions,
        cast(value as decimal(18, 2)) as value,
        touches_per_conversion,
        median_days
    from paths

)

select * from final
