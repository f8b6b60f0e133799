{#-
What belongs here: `kpi_values(cadence)`, the one compiler of KPIs. It turns every KPI of a cadence into rows of the BI contract:

    passes over the facts → cells → measured (one row per KPI and cell) → filled (every period of `total`) → judged → select

Numbers come from kpi_definitions and kpi_passes; here they are divided, dated, compared and judged. Which periods are computed at all: kpi_periods.
-#}

{% macro kpi_values(cadence) %}
  {% do kpi_depends_on() %}
  {% do ref('dim_dates') %}
  {% do kpi_coverage() %}
  {% do kpi_targets() %}
  {% do ref('int_kpi__periods') %}
  {% if not execute %}
    {% do return('select 1 as kpi') %}
  {% endif %}
  {% set definitions = kpi_definitions(cadence) %}
  {% set passes = kpi_passes(definitions) %}
  {% set earlier = kpi_earlier_values() %}

  {% set cells %}
{% for pass in passes.values() %}
{{ kpi_pass_cte(pass, cadence) }},

{% endfor %}
{{ kpi_cells_cte(passes) }},

{{ kpi_attributes_cte(definitions) }},

{{ kpi_measured_cte(definitions) }},

{{ kpi_filled_cte() }},

{{ kpi_compared_cte(cadence) }},

{{ kpi_judged_cte(cadence) }},
  {% endset %}

  {% set sql %}
with {{ kpi_calendar_ctes(cadence) }},

{{ kpi_due_ctes(cadence, local_md5(cells)[:8], earlier) }},

{{ cells }}

final as (

    select
        judged.*,
        {% if earlier %}
        {# A cell that says what it said before keeps the moment at which it first said so. #}
        case
            when
                {% for column in kpi_compared_columns() %}
                judged.{{ column }} is not distinct from earlier.{{ column }} and
                {% endfor %}
                earlier.refreshed_at is not null
                then earlier.refreshed_at
            else {{ kpi_now() }}
        end as refreshed_at,
        {% else %}
        {{ kpi_now() }} as refreshed_at,
        {% endif %}
        due.period_fingerprint
    from kpi_judged as judged
    inner join kpi_due as due on judged.period_start = due.period_start
    {% if earlier %}
    left join (
        select held.*
        from {{ earlier }} as held
        where held.period_start in (select stale.period_start from kpi_due as stale)
    ) as earlier
        on
            judged.kpi = earlier.kpi
            and judged.period_start = earlier.period_start
            and judged.dimension = earlier.dimension
            and judged.dimension_value = earlier.dimension_value
    {% endif %}

)

select * from final
  {% endset %}
  {#- Macros leave empty lines behind; the compiled model should read like SQL. -#}
  {% do return(modules.re.sub('\n\s*\n', '\n', sql) | trim) %}
{% endmacro %}

{% macro kpi_targets() %}
  {% do return(ref('stg_spreadsheets__targets')) %}
{% endmacro %}

{% macro kpi_now() %}
  {% do return("cast('" ~ run_started_at.strftime('%Y-%m-%d %H:%M:%S') ~ "' as timestamp)") %}
{% endmacro %}

{% macro kpi_compared_columns() %}
  {#- What a cell says; when none of it changed, the cell was not refreshed. -#}
  {% do return([
    'value', 'numerator', 'denominator', 'null_reason', 'target', 'status', 'previous_value', 'year_ago_value', 'period_status', 'definition_version',
  ]) %}
{% endmacro %}

{% macro kpi_earlier_values() %}
  {#- This model as the last run left it; nothing where it does not exist yet or had other columns. -#}
  {% set relation = adapter.get_relation(this.database, this.schema, this.identifier) if execute else none %}
  {% if relation is not none %}
    {% set present = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
    {% for column in kpi_compared_columns() + ['refreshed_at', 'period_fingerprint'] if column not in present %}
      {% do return(none) %}
    {% endfor %}
  {% endif %}
  {% do return(relation) %}
{% endmacro %}

{% macro kpi_attributes_cte(definitions) %}
kpi_attributes as (

    {% for definition in definitions.values() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ definition.kpi }}' as kpi,
        '{{ definition.meta.unit }}' as unit,
        '{{ definition.meta.direction }}' as direction,
        '{{ definition.meta.additivity }}' as additivity,
        {{ definition.meta.late_days }} as late_days,
        {% set empty_reason = 'no_rows' if definition.meta.additivity == 'distribution' else 'zero_denominator' %}
        '{{ empty_reason }}' as empty_reason,
        '{{ definition.meta.requires_reason or empty_reason }}' as unmet_reason,
        '{{ definition.version }}' as definition_version
    {% endfor %}

)
{% endmacro %}

{% macro kpi_measured_cte(definitions) %}
kpi_measured as (

    {% for definition in definitions.values() %}
    {% set ratio = definition.type == 'ratio' %}
    {{ 'union all' if not loop.first }}
    select
        '{{ definition.kpi }}' as kpi,
        period_start,
        dimension,
        dimension_value,
        cast({{ definition.numerator if ratio else 'null' }} as double) as numerator,
        cast({{ definition.denominator if ratio else 'null' }} as double) as denominator,
        {% if definition.requirements %}
        cast(case when {{ definition.requirements }} then {{ definition.value }} end as double) as value,
        case when not ({{ definition.requirements }}) then '{{ definition.meta.requires_reason }}' end as null_reason
        {% else %}
        cast({{ 'null' if ratio else definition.value }} as double) as value,
        cast(null as {{ dbt.type_string() }}) as null_reason
        {% endif %}
    from kpi_cells
    where
        dimension in ('total'{% for dimension in definition.meta.dimensions %}, '{{ dimension }}'{% endfor %})
        and coalesce({{ definition.leaves.keys() | join(', ') }}) is not null
    {% endfor %}

)
{% endmacro %}

{% macro kpi_filled_cte() %}
  {#-
  `total` gets every covered period: an additive KPI or a snapshot without rows is zero, the others are NULL with
  a reason. Ratios are divided here, last.
  -#}
kpi_grid as (

    select
        kpi_attributes.kpi,
        kpi_read.period_start,
        'total' as dimension,
        'total' as dimension_value
    from kpi_attributes
    cross join kpi_read
    union all
    select
        kpi,
        period_start,
        dimension,
        dimension_value
    from kpi_measured
    where dimension <> 'total'

),

kpi_filled as (

    select
        grid.kpi,
        grid.period_start,
        grid.dimension,
        grid.dimension_value,
        attributes.unit,
        attributes.direction,
        attributes.additivity,
        attributes.late_days,
        attributes.definition_version,
        case when attributes.additivity = 'ratio_of_sums' then coalesce(measured.numerator, 0) end as numerator,
        case when attributes.additivity = 'ratio_of_sums' then coalesce(measured.denominator, 0) end as denominator,
        case attributes.additivity
            when 'ratio_of_sums' then measured.numerator / nullif(measured.denominator, 0)
            when 'additive' then coalesce(measured.value, 0)
            when 'snapshot' then coalesce(measured.value, 0)
            else measured.value
        end as value,
        case
            when measured.kpi is null then attributes.unmet_reason
            else coalesce(measured.null_reason, attributes.empty_reason)
        end as null_reason
    from kpi_grid as grid
    inner join kpi_attributes as attributes on grid.kpi = attributes.kpi
    left join kpi_measured as measured
        on
            grid.kpi = measured.kpi
            and grid.period_start = measured.period_start
            and grid.dimension = measured.dimension
            and grid.dimension_value = measured.dimension_value

)
{% endmacro %}

{% macro kpi_compared_cte(cadence) %}
  {#- The period before, the same period last year, the target (the last row of the files where two rows name one cell). -#}
kpi_targets as (

    select *
    from (
        select
            *,
            row_number() over (
                partition by kpi, period_start, dimension, dimension_value
                order by file_name desc, row_number desc
            ) as recency
        from {{ kpi_targets() }}
        where cadence = '{{ cadence }}'
    ) as target_rows
    where recency = 1

),

kpi_compared as (

    select
        filled.*,
        periods.period_end,
        periods.last_day,
        least(periods.data_through, {{ add_days('periods.period_end', 'filled.late_days') }}) as data_through,
        before.value as previous_value,
        year_before.value as year_ago_value,
        targets.target,
        case
            when periods.period_end > periods.data_through then 'open'
            when {{ add_days('periods.period_end', 'filled.late_days') }} > periods.data_through then 'provisional'
            else 'final'
        end as period_status
    from kpi_filled as filled
    inner join kpi_read as periods on filled.period_start = periods.period_start
    left join kpi_filled as before
        on
            filled.kpi = before.kpi
            and filled.dimension = before.dimension
            and filled.dimension_value = before.dimension_value
            and periods.previous_start = before.period_start
    left join kpi_filled as year_before
        on
            filled.kpi = year_before.kpi
            and filled.dimension = year_before.dimension
            and filled.dimension_value = year_before.dimension_value
            and periods.year_ago_start = year_before.period_start
    left join kpi_targets as targets
        on
            filled.kpi = targets.kpi
            and filled.period_start = targets.period_start
            and filled.dimension = targets.dimension
            and filled.dimension_value = targets.dimension_value

)
{% endmacro %}

{% macro kpi_judged_cte(cadence) %}
  {#-
  Status by bands of the target, for KPIs that should rise and KPIs that should fall. A period that is still open is held to the share of an additive
  target that its days amount to, and its changes are withheld: nine days compared with a month would mislead.
  -#}
  {% set bands = var('kpi_status_bands') %}
kpi_shortfalls as (

    select
        *,
        case when additivity = 'additive'
            then target * ({{ dbt.datediff('period_start', 'last_day', 'day') }} + 1)
                / ({{ dbt.datediff('period_start', 'period_end', 'day') }} + 1)
            else target
        end as target_so_far
    from kpi_compared

),

kpi_judged as (

    select
        kpi,
        cast('{{ cadence }}' as {{ dbt.type_string() }}) as cadence,
        period_start,
        period_end,
        dimension,
        dimension_value,
        value,
        numerator,
        denominator,
        unit,
        case when unit in ('currency', 'currency_per_day') then '{{ reporting_currency() }}' end as currency,
        case when value is null then null_reason end as null_reason,
        target,
        case
            when target is null or value is null then 'no_target'
            {% for status, tolerance in [('on_track', bands.on_track), ('at_risk', bands.at_risk)] %}
            when direction = 'up' and value >= target_so_far - {{ tolerance }} * abs(target_so_far) then '{{ status }}'
            when direction = 'down' and value <= target_so_far + {{ tolerance }} * abs(target_so_far) then '{{ status }}'
            {% endfor %}
            else 'off_track'
        end as status,
        previous_value,
        case when period_status <> 'open' then (value - previous_value) / nullif(abs(previous_value), 0) end as change_ratio,
        year_ago_value,
        case when period_status <> 'open' then (value - year_ago_value) / nullif(abs(year_ago_value), 0) end
            as year_ago_change_ratio,
        period_status,
        data_through,
        definition_version
    from kpi_shortfalls

)
{% endmacro %}
