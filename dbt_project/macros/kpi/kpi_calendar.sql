{#-
What belongs here: the periods of a cadence and what "the period before", "the same period last year" and a trailing window mean.
-#}

{% macro kpi_period_column(cadence) %}
  {% do return('date_day' if cadence == 'day' else cadence ~ '_start') %}
{% endmacro %}

{% macro kpi_windows() %}
  {#-
  Named windows a KPI's meta may give to an input (`windows: {won_deals: trailing_90_days}`): first and last day as SQL over the columns of
  `kpi_periods`; `cadence` picks the rows of facts that keep one row per cadence.
  -#}
  {% set last_month = period_start('last_day', 'month') %}
  {% do return({
    'trailing_90_days': {'start': add_days('last_day', -89), 'end': 'last_day', 'cadence': none},
    'six_months_before': {
      'start': dbt.dateadd('month', -6, last_month), 'end': add_days(last_month, -1), 'cadence': 'month',
    },
  }) %}
{% endmacro %}

{% macro kpi_calendar_ctes(cadence) %}
  {#-
  CTEs `kpi_calendar` (every day from the first covered period on, and its period) and `kpi_periods` (one row per period up to data_through). The column names begin with
  words no fact uses, because a KPI's expressions are written without table names.
  -#}
  {% set period = kpi_period_column(cadence) %}
kpi_horizon as (

    select
        {{ period_start('data_from', cadence) }} as first_period,
        data_from,
        data_through
    from {{ kpi_coverage() }}

),

kpi_calendar as (

    select
        date_day as calendar_day,
        {{ period }} as calendar_period,
        iso_year as calendar_iso_year,
        iso_week as calendar_iso_week
    from {{ ref('dim_dates') }}
    where
        {{ period }} >= (select first_period from kpi_horizon)
        and date_day <= (select data_through from kpi_horizon)

),

kpi_period_ends as (

    select
        calendar_period as period_start,
        cast({{ add_days('cast(' ~ dbt.dateadd(cadence, 1, 'calendar_period') ~ ' as date)', -1) }} as date) as period_end,
        max(calendar_day) as last_day,
        cast({{ dbt.dateadd(cadence, -1, 'calendar_period') }} as date) as previous_start,
        max(calendar_iso_year) as iso_year,
        max(calendar_iso_week) as iso_week
    from kpi_calendar
    group by calendar_period

),

kpi_periods as (

    select
        this_period.period_start,
        this_period.period_end,
        this_period.last_day,
        {# Week 53 is compared with the last week of the year before, which has 52: no two long years follow each other. #}
        {% set year_ago = 'year_before.period_start' if cadence == 'week'
            else 'cast(' ~ dbt.dateadd('year', -1, 'this_period.period_start') ~ ' as date)' %}
        {# A period that began before the data is cut off: nothing is compared with it. #}
        {% for name, start in [('previous_start', 'this_period.previous_start'), ('year_ago_start', year_ago)] %}
        case when {{ start }} >= (select data_from from kpi_horizon) then {{ start }} end as {{ name }},
        {% endfor %}
        {% for name, window in kpi_windows().items() %}
        cast({{ window.start }} as date) as {{ name }}_start,
        cast({{ window.end }} as date) as {{ name }}_end,
        {% endfor %}
        (select data_through from kpi_horizon) as data_through
    from (select * from kpi_period_ends) as this_period
    {% if cadence == 'week' %}
    left join (select iso_year, iso_week, period_start from kpi_period_ends) as year_before
        on
            this_period.iso_year - 1 = year_before.iso_year
            and least(this_period.iso_week, 52) = year_before.iso_week
    {% endif %}

)
{% endmacro %}

{% macro kpi_coverage() %}
  {#- Relation with one row: data_from and data_through, the first and the last whole day every source covers. -#}
  {% do return(ref('int_lake__coverage')) %}
{% endmacro %}
