{#-
What belongs here: what each KPI is computed from, as rows: one per KPI and leaf, with the fact, the date, the filter and the lake tables behind
it. The ledger finds in it which rows of which fact a cell rests on; people read in it where a number comes from.
-#}

{% macro kpi_input_rows() %}
  {% if not execute %}
    {% do return('select 1 as kpi') %}
  {% endif %}
  {% set rows = [] %}
  {% for name, definition in kpi_definitions().items() %}
    {% for leaf in definition.leaves.values() %}
      {% do rows.append({'kpi': name, 'leaf': leaf, 'dimensions': definition.meta.dimensions}) %}
    {% endfor %}
  {% endfor %}
  {% set facts = kpi_fact_origins(rows | map(attribute='leaf.fact') | unique) %}
  {% for row in rows %}
  {% set leaf = row.leaf %}
  {% set window = kpi_windows()[leaf.window] if leaf.window else {} %}
    {{ 'union all' if not loop.first }}
    select
        '{{ row.kpi }}' as kpi,
        '{{ leaf.column }}' as input_name,
        '{{ leaf.fact }}' as fact,
        {{ kpi_text(facts[leaf.fact].key) }} as fact_key,
        '{{ leaf.day_column }}' as day_column,
        {{ kpi_text(row.dimensions) }} as dimensions,
        '{{ leaf.agg }}' as aggregation,
        {{ kpi_text(leaf.expr) }} as expression,
        {{ kpi_text(leaf.filter) }} as filter,
        {{ (leaf.is_snapshot or false) | string | lower }} as is_snapshot,
        {{ kpi_text(leaf.window) }} as time_window,
        {{ kpi_text(window.get('start')) }} as window_start,
        {{ kpi_text(window.get('end')) }} as window_end,
        {{ kpi_text(leaf.get('cadence_column')) }} as cadence_column,
        {{ kpi_text(window.get('cadence')) }} as window_cadence,
        {{ kpi_text(facts[leaf.fact].lake_tables) }} as lake_tables
  {% endfor %}
{% endmacro %}

{% macro kpi_fact_origins(facts) %}
  {#- Of each fact: its key (meta of its YAML) and the lake tables it comes from. -#}
  {% set found = {} %}
  {% for fact in facts %}
    {% set node = model_node(fact) %}
    {% set tables = [] %}
    {% do kpi_collect_sources(node.unique_id, tables, []) %}
    {% do found.update({fact: {'key': node.config.meta.key, 'lake_tables': tables | sort}}) %}
  {% endfor %}
  {% do return(found) %}
{% endmacro %}

{% macro kpi_collect_sources(unique_id, tables, seen) %}
  {% if unique_id in seen %}
    {% do return(none) %}
  {% endif %}
  {% do seen.append(unique_id) %}
  {% if unique_id.startswith('source.') %}
    {% set source = graph.sources[unique_id] %}
    {% do tables.append(source.source_name ~ '.' ~ source.name) %}
  {% elif unique_id.startswith('model.') %}
    {#- Which loads count (stg_<source>__windows) is no origin of a number, though it waits for every table of its source. -#}
    {% for parent in graph.nodes[unique_id].depends_on.nodes if not parent.endswith('__windows') %}
      {% do kpi_collect_sources(parent, tables, seen) %}
    {% endfor %}
  {% endif %}
{% endmacro %}
