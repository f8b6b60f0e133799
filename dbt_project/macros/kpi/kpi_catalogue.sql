{#- What belongs here: the YAML of every KPI as rows, one per KPI, for kpi_catalogue. -#}

{% macro kpi_text(value) %}
  {%- if value is not number and not value -%}
    cast(null as {{ dbt.type_string() }})
  {%- elif value is string or value is number -%}
    '{{ dbt.escape_single_quotes(value | string | trim) }}'
  {%- else -%}
    '{{ dbt.escape_single_quotes(value | join(', ')) }}'
  {%- endif -%}
{% endmacro %}

{% macro kpi_catalogue_rows() %}
  {% if not execute %}
    {% do return('select 1 as kpi') %}
  {% endif %}
  {% for name, definition in kpi_definitions().items() %}
  {% set meta = definition.meta %}
    {{ 'union all' if not loop.first }}
    select
        '{{ name }}' as kpi,
        {{ kpi_text(kpi_metric(name).description) }} as description,
        {% for key in ['label_en', 'label_fr', 'formula', 'formula_fr', 'unit', 'direction', 'cadences', 'dimensions', 'owner', 'decision', 'decision_fr',
                       'timing', 'nature', 'aarrr', 'funnel_stage', 'objective', 'additivity', 'entities', 'paired_with', 'north_star_of', 'dashboards'] %}
        {{ kpi_text(meta.get(key)) }} as {{ key }},
        {% endfor %}
        {{ meta.vanity | string | lower }} as is_vanity,
        {{ meta.late_days }} as late_days,
        {{ kpi_text(meta.get('not_in_metricflow')) }} as not_in_metricflow,
        '{{ definition.version }}' as definition_version
  {% endfor %}
{% endmacro %}
