{#-
What belongs here: which periods a change made stale. Nobody is told what changed: every day of every fact has a digest of its rows, every period
a fingerprint of all that its cells rest on, and kpi_values computes again the periods whose fingerprint is not the one it holds.

    facts → kpi_fact_days() → int_kpi__fact_days → kpi_period_fingerprints() → int_kpi__periods → kpi_due_ctes() in kpi_values
-#}

{% macro kpi_cadences() %}
  {% do return(['day', 'week', 'month', 'quarter', 'year']) %}
{% endmacro %}

{% macro kpi_fact_days() %}
  {#- One row per fact, day column a KPI counts by, and day: a digest of the fact's rows of that day. -#}
  {% do kpi_depends_on() %}
  {% if not execute %}
    {% do return('select 1 as fact') %}
  {% endif %}
  {% set seen = [] %}
  {% for pass in kpi_passes(kpi_definitions()).values() if (pass.leaf.fact, pass.leaf.day_column) not in seen %}
    {% do seen.append((pass.leaf.fact, pass.leaf.day_column)) %}
  {% endfor %}
  {% for fact, day_column in seen | sort %}
    {{ 'union all' if not loop.first }}
    select
        '{{ fact }}' as fact,
        '{{ day_column }}' as day_column,
        fact.{{ day_column }} as day,
        {{ rows_digest('fact', kpi_text_columns(fact)) }} as digest
    from {{ ref(fact) }} as fact
    where fact.{{ day_column }} is not null
    group by fact.{{ day_column }}
  {% endfor %}
{% endmacro %}

{% macro kpi_text_columns(fact) %}
  {#- Columns of a fact that hold text, by its contract. -#}
  {% set found = [] %}
  {% for column in model_node(fact).columns.values() if column.data_type | lower in ('varchar', 'text', 'string') %}
    {% do found.append(column.name) %}
  {% endfor %}
  {% do return(found | sort) %}
{% endmacro %}

{% macro kpi_period_fingerprints(cadence) %}
  {#-
  One row per period of a cadence, with the periods it is compared with and the fingerprint of what its cells rest on: the days of every fact it
  counts, its targets, how far the data reach while that still changes what a cell says, and the same of the periods it is compared with.
  -#}
  {% set definitions = kpi_definitions(cadence) %}
  {% set late_days = definitions.values() | map(attribute='meta') | map(attribute='late_days') | max %}
with {{ kpi_calendar_ctes(cadence) }},

kpi_inputs as (

    {% for pass in kpi_passes(definitions).values() %}
    {% set leaf = pass.leaf %}
    {{ 'union all' if not loop.first }}
    select
        {{ 'kpi_periods.period_start' if leaf.window else 'kpi_calendar.calendar_period' }} as period_start,
        '{{ pass.name }}' as input_name,
        {{ rows_digest('fact_days', ['digest']) }} as digest
    from (select day, digest from {{ ref('int_kpi__fact_days') }} where fact = '{{ leaf.fact }}' and day_column = '{{ leaf.day_column }}')
        as fact_days
    {% if leaf.window %}
    inner join kpi_periods on fact_days.day between kpi_periods.{{ leaf.window }}_start and kpi_periods.{{ leaf.window }}_end
    {% else %}
    inner join kpi_calendar on fact_days.day = kpi_calendar.calendar_day
    {% endif %}
    group by 1
    {% endfor %}
    union all
    select
        period_start,
        'targets' as input_name,
        {{ rows_digest('targets', ['kpi', 'dimension', 'dimension_value', 'file_name']) }} as digest
    from (
        select kpi, period_start, dimension, dimension_value, target, file_name, row_number
        from {{ kpi_targets() }}
        where cadence = '{{ cadence }}'
    ) as targets
    group by period_start

),

kpi_rested as (

    select
        period_start,
        {{ joined_text("concat(input_name, ':', digest)", ' ', 'input_name') }} as inputs
    from kpi_inputs
    group by period_start

),

kpi_states as (

    select
        periods.period_start,
        periods.previous_start,
        periods.year_ago_start,
        concat(
            coalesce(rested.inputs, ''), ' ', cast(periods.last_day as varchar), ' ',
            cast(least(periods.data_through, {{ add_days('periods.period_end', late_days) }}) as varchar)
        ) as state
    from kpi_periods as periods
    left join kpi_rested as rested on periods.period_start = rested.period_start

)

select
    '{{ cadence }}' as cadence,
    states.period_start,
    states.previous_start,
    states.year_ago_start,
    {{ dbt.hash("concat(states.state, ' / ', coalesce(previous.state, ''), ' / ', coalesce(year_before.state, ''))") }} as fingerprint
from kpi_states as states
left join kpi_states as previous on states.previous_start = previous.period_start
left join kpi_states as year_before on states.year_ago_start = year_before.period_start
{% endmacro %}

{% macro kpi_all_periods() %}
  {% do kpi_coverage() %}
  {% do kpi_targets() %}
  {% do ref('dim_dates') %}
  {% do ref('int_kpi__fact_days') %}
  {% if not execute %}
    {% do return('select 1 as cadence') %}
  {% endif %}
  {% for cadence in kpi_cadences() %}
    {{ 'union all' if not loop.first }}
    select * from ({{ kpi_period_fingerprints(cadence) }}) as {{ cadence }}_periods
  {% endfor %}
{% endmacro %}

{% macro kpi_due_ctes(cadence, digest, earlier) %}
  {#-
  CTEs `kpi_due` (the periods to compute: all of them at first, later those whose fingerprint, or the SQL that made them, is not what the table
  holds) and `kpi_read` (these and the periods they are compared with).
  -#}
kpi_due as (

    select
        periods.period_start,
        concat(fingerprints.fingerprint, '-{{ digest }}') as period_fingerprint
    from kpi_periods as periods
    left join {{ ref('int_kpi__periods') }} as fingerprints
        on fingerprints.cadence = '{{ cadence }}' and periods.period_start = fingerprints.period_start
    {% if earlier and is_incremental() %}
    where not exists (
        select 1
        from {{ earlier }} as held
        where
            held.period_start = periods.period_start
            and held.period_fingerprint = concat(fingerprints.fingerprint, '-{{ digest }}')
    )
    {% endif %}

),

kpi_read as (

    select periods.*
    from kpi_periods as periods
    where periods.period_start in (
        select due.period_start from kpi_due as due
        union all
        select compared.previous_start from kpi_periods as compared inner join kpi_due as due on compared.period_start = due.period_start
        where compared.previous_start is not null
        union all
        select compared.year_ago_start from kpi_periods as compared inner join kpi_due as due on compared.period_start = due.period_start
        where compared.year_ago_start is not null
    )

),

kpi_days_read as (

    select calendar.*
    from kpi_calendar as calendar
    inner join kpi_read as periods on calendar.calendar_period = periods.period_start

)
{% endmacro %}

{% macro kpi_forget_periods() %}
  {#- Periods a table holds that are no more: the data begin later, or end earlier, than they did. -#}
  {% if is_incremental() %}
delete from {{ this }}
where period_start not in (
    select periods.period_start
    from {{ ref('int_kpi__periods') }} as periods
    where periods.cadence = '{{ model.name.split('_') | last }}'
)
  {% endif %}
{% endmacro %}
