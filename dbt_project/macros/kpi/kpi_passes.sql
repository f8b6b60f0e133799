{#-
What belongs here: the passes over the facts. All leaves that read the same fact over the same date in the same way are aggregated in one
scan for the total and every dimension at once (grouping sets).

    {kpi: definition} → kpi_passes() → [pass] → kpi_pass_cte() → cells(period_start, dimension, dimension_value, one column per leaf)
-#}

{% macro kpi_passes(definitions) %}
  {% set passes = {} %}
  {% for definition in definitions.values() %}
    {% for column, leaf in definition.leaves.items() %}
      {% set parts = [leaf.fact, leaf.day_column] + (['last_day'] if leaf.is_snapshot else []) + ([leaf.window] if leaf.window else []) %}
      {% set pass_name = parts | join('__') %}
      {% if pass_name not in passes %}
        {% do passes.update({pass_name: {'name': pass_name, 'leaf': leaf, 'leaves': {}, 'dimensions': []}}) %}
      {% endif %}
      {% set pass = passes[pass_name] %}
      {% do pass.leaves.update({column: leaf}) %}
      {% for dimension in definition.meta.dimensions if dimension not in pass.dimensions %}
        {% do pass.dimensions.append(dimension) %}
      {% endfor %}
    {% endfor %}
  {% endfor %}
  {% do return(passes) %}
{% endmacro %}

{% macro kpi_leaf_sql(leaf) %}
  {#-
  One aggregate. Counts become NULL when nothing was counted, so that "no row" and "no matching row" are the same absence.
  Sums are cast last: decimals are added exactly.
  -#}
  {% set expr = 'case when ' ~ leaf.filter ~ ' then ' ~ leaf.expr ~ ' end' if leaf.filter else leaf.expr %}
  {% if leaf.agg == 'sum' %}
    {% do return('cast(sum(' ~ expr ~ ') as double)') %}
  {% elif leaf.agg == 'sum_boolean' %}
    {% set condition = '(' ~ leaf.expr ~ ')' ~ (' and ' ~ leaf.filter if leaf.filter else '') %}
    {% do return('cast(nullif(sum(case when ' ~ condition ~ ' then 1 else 0 end), 0) as double)') %}
  {% elif leaf.agg in ['count', 'count_distinct'] %}
    {% do return('cast(nullif(count(' ~ ('distinct ' if leaf.agg == 'count_distinct' else '') ~ expr ~ '), 0) as double)') %}
  {% elif leaf.agg in ['median', 'average', 'min', 'max'] %}
    {% do return('cast(' ~ ('avg' if leaf.agg == 'average' else leaf.agg) ~ '(' ~ expr ~ ') as double)') %}
  {% endif %}
  {% do exceptions.raise_compiler_error("KPI leaf '" ~ leaf.expr ~ "' of " ~ leaf.fact ~ ": kpi_values does not compile the aggregation '" ~ leaf.agg ~ "'") %}
{% endmacro %}

{% macro kpi_pass_cte(pass, cadence) %}
  {% set leaf = pass.leaf %}
  {% set is_plain = not leaf.is_snapshot and not leaf.window %}
  {% set period = 'kpi_days_read.calendar_period' if is_plain else 'kpi_read.period_start' %}
  {% set row_cadence = kpi_windows()[leaf.window].cadence or cadence if leaf.window else cadence %}
{{ pass.name }} as (

    select
        {{ period }} as kpi_period,
        {% if pass.dimensions %}
        case
            {% for dimension in pass.dimensions %}
            when grouping(fact.{{ dimension }}) = 0 then '{{ dimension }}'
            {% endfor %}
            else 'total'
        end as kpi_dimension,
        case
            {% for dimension in pass.dimensions %}
            when grouping(fact.{{ dimension }}) = 0 then fact.{{ dimension }}
            {% endfor %}
            else 'total'
        end as kpi_dimension_value,
        {% else %}
        'total' as kpi_dimension,
        'total' as kpi_dimension_value,
        {% endif %}
        {% for column, part in pass.leaves.items() %}
        {{ kpi_leaf_sql(part) }} as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref(leaf.fact) }} as fact
    {% if is_plain %}
    inner join kpi_days_read on fact.{{ leaf.day_column }} = kpi_days_read.calendar_day
    {% elif leaf.window %}
    inner join kpi_read
        on fact.{{ leaf.day_column }} between kpi_read.{{ leaf.window }}_start and kpi_read.{{ leaf.window }}_end
    {% else %}
    inner join kpi_read on fact.{{ leaf.day_column }} = kpi_read.last_day
    {% endif %}
    {% if leaf.cadence_column %}
    where fact.{{ leaf.cadence_column }} = '{{ row_cadence }}'
    {% endif %}
    group by grouping sets (
        ({{ period }}){{ ',' if pass.dimensions }}
        {% for dimension in pass.dimensions %}
        ({{ period }}, fact.{{ dimension }}){{ ',' if not loop.last }}
        {% endfor %}
    )

)
{% endmacro %}

{% macro kpi_cells_cte(passes) %}
  {#- One row per period, dimension and value with the leaves of every pass side by side. -#}
  {% set columns = [] %}
  {% for pass in passes.values() %}
    {% for column in pass.leaves %}
      {% do columns.append(column) %}
    {% endfor %}
  {% endfor %}
kpi_cells as (

    select
        kpi_period as period_start,
        kpi_dimension as dimension,
        kpi_dimension_value as dimension_value,
        {% for column in columns %}
        max({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        {% for pass in passes.values() %}
        {{ 'union all' if not loop.first }}
        select
            kpi_period,
            kpi_dimension,
            kpi_dimension_value,
            {% for column in columns %}
            {{ column if column in pass.leaves else 'cast(null as double) as ' ~ column }}{{ ',' if not loop.last }}
            {% endfor %}
        from {{ pass.name }}
        {% endfor %}
    ) as kpi_aggregates
    group by kpi_period, kpi_dimension, kpi_dimension_value

)
{% endmacro %}
