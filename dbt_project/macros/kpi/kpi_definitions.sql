{#-
What belongs here: reading a KPI from its YAML. A KPI is a dbt metric tagged `kpi`; what it needs from a fact is a *leaf*
(one aggregate of one simple metric, over one date, possibly as of the last day or over a window). Ratio and derived metrics become SQL
over the columns of their leaves. No SQL is run here.

    graph.metrics → kpi_definitions() → {kpi: {numerator, denominator, value, leaves: {column: leaf}, …}}
-#}

{% macro kpi_depends_on() %}
  {#- The facts that carry KPIs. dbt knows the graph of metrics only at run time, lineage is drawn at parse time: hence this list. -#}
  {% for fact in [
    'fct_sessions', 'fct_email_sends', 'fct_leads', 'fct_spend', 'fct_deals', 'fct_pipeline_daily', 'fct_activities', 'fct_demo_outlook',
    'fct_mrr_movements', 'fct_mrr_daily', 'fct_customer_periods', 'attribution_credits', 'pipeline_sourcing',
  ] %}
    {% do ref(fact) %}
  {% endfor %}
{% endmacro %}

{#- The graph is asked by id: dbt makes a dictionary of each node anew whenever one is read, and of all when they are listed. -#}
{% macro kpi_metric(name) %}
  {#- An enabled dbt metric, or none. -#}
  {% do return(graph.metrics.get('metric.' ~ project_name ~ '.' ~ name)) %}
{% endmacro %}

{% macro kpi_names() %}
  {#- In name order. Empty while dbt parses. -#}
  {% set names = [] %}
  {% for metric in graph.metrics.values() if execute and 'kpi' in metric.config.get('tags', []) %}
    {% do names.append(metric.name) %}
  {% endfor %}
  {% do return(names | sort) %}
{% endmacro %}

{% macro kpi_semantic_model(name) %}
  {% set semantic_model = graph.semantic_models.get('semantic_model.' ~ project_name ~ '.' ~ name) %}
  {% if semantic_model is none %}
    {% do exceptions.raise_compiler_error("KPI: no semantic model is called '" ~ name ~ "'") %}
  {% endif %}
  {% do return(semantic_model) %}
{% endmacro %}

{% macro kpi_additive_aggregations() %}
  {#- Aggregations for which "no row" means zero. The others (median, average, min, max) have no value without rows. -#}
  {% do return(['sum', 'sum_boolean', 'count', 'count_distinct']) %}
{% endmacro %}

{% macro kpi_filter(metric) %}
  {#- The metric's `filter`, as plain SQL: {{ Dimension('deal__is_won') }} → is_won. -#}
  {% set clauses = [] %}
  {% for clause in (metric.filter or {}).get('where_filters', []) %}
    {% set sql = modules.re.sub(
      "\\{\\{\\s*(?:Dimension|TimeDimension|Entity)\\(\\s*['\"](?:\\w+?__)?(\\w+)['\"][^)]*\\)\\s*\\}\\}", '\\1', clause.where_sql_template
    ) %}
    {% do clauses.append('(' ~ sql | trim ~ ')') %}
  {% endfor %}
  {% do return(clauses | join(' and ')) %}
{% endmacro %}

{% macro kpi_leaf(kpi, metric, window) %}
  {% set params = metric.type_params %}
  {% set aggregation = params.metric_aggregation_params %}
  {% set semantic_model = kpi_semantic_model(aggregation.semantic_model) %}
  {% set is_snapshot = aggregation.non_additive_dimension is not none %}
  {% if is_snapshot and aggregation.non_additive_dimension.window_choice != 'max' %}
    {% do exceptions.raise_compiler_error("KPI '" ~ kpi ~ "': only the last value of a snapshot is supported (window_agg: max)") %}
  {% endif %}
  {% do return({
    'column': metric.name ~ ('__' ~ window if window else ''),
    'fact': semantic_model.refs[0].name,
    'day_column': aggregation.agg_time_dimension or semantic_model.defaults.agg_time_dimension,
    'agg': aggregation.agg,
    'expr': (params.expr or metric.name) | string | trim,
    'filter': kpi_filter(metric),
    'is_snapshot': is_snapshot,
    'window': window if window else none,
    'cadence_column': semantic_model.config.meta.get('cadence_column'),
    'is_additive': aggregation.agg in kpi_additive_aggregations(),
  }) %}
{% endmacro %}

{% macro kpi_expression(kpi, metric_name, windows, leaves) %}
  {#- SQL of a metric over the columns of its leaves, which are collected in `leaves` on the way. -#}
  {% set metric = kpi_metric(metric_name) %}
  {% if metric is none %}
    {% do exceptions.raise_compiler_error("KPI '" ~ kpi ~ "': there is no metric '" ~ metric_name ~ "'") %}
  {% endif %}
  {% set params = metric.type_params %}

  {% if metric.type == 'simple' %}
    {% set leaf = kpi_leaf(kpi, metric, windows.get(metric_name)) %}
    {% do leaves.update({leaf.column: leaf}) %}
    {% do return('coalesce(' ~ leaf.column ~ ', 0)' if leaf.is_additive else leaf.column) %}
  {% endif %}

  {% set inputs = [params.numerator, params.denominator] if metric.type == 'ratio' else params.metrics %}
  {% for input in inputs if metric.type not in ['ratio', 'derived'] or input.filter or input.offset_window or input.offset_to_grain %}
    {% do exceptions.raise_compiler_error(
      "KPI '" ~ kpi ~ "': metric '" ~ metric_name ~ "' uses a type, an input filter or an offset that kpi_values does not compile; "
      ~ "write it as a simple metric of its own") %}
  {% endfor %}
  {% if metric.type == 'ratio' %}
    {% set numerator = kpi_expression(kpi, params.numerator.name, windows, leaves) %}
    {% set denominator = kpi_expression(kpi, params.denominator.name, windows, leaves) %}
    {% do return('(' ~ numerator ~ ' / nullif(' ~ denominator ~ ', 0))') %}
  {% endif %}

  {#- Two steps, so that an input's SQL is never searched for the name of another input. -#}
  {% set text = namespace(sql=params.expr) %}
  {% for input in inputs %}
    {% set text.sql = modules.re.sub('\\b' ~ (input.alias or input.name) ~ '\\b', '@' ~ loop.index ~ '@', text.sql) %}
  {% endfor %}
  {% for input in inputs %}
    {% set text.sql = text.sql.replace('@' ~ loop.index ~ '@', kpi_expression(kpi, input.name, windows, leaves)) %}
  {% endfor %}
  {% do return('(' ~ text.sql ~ ')') %}
{% endmacro %}

{% macro kpi_definition(name) %}
  {% set metric = kpi_metric(name) %}
  {% set meta = metric.config.meta %}
  {% set windows = meta.get('windows', {}) %}
  {% set leaves = {} %}
  {% set is_ratio = metric.type == 'ratio' %}
  {% set numerator = kpi_expression(name, metric.type_params.numerator.name, windows, leaves) if is_ratio else none %}
  {% set denominator = kpi_expression(name, metric.type_params.denominator.name, windows, leaves) if is_ratio else none %}
  {% set value = none if is_ratio else kpi_expression(name, name, windows, leaves) %}

  {#- `requires` of the meta: least counts below which a composite says nothing. -#}
  {% set requirements = [] %}
  {% for input, least in meta.get('requires', {}).items() %}
    {% do requirements.append('(' ~ kpi_expression(name, input, windows, leaves) ~ ') >= ' ~ least) %}
  {% endfor %}
  {% set definition = {
    'numerator': numerator, 'denominator': denominator, 'value': value, 'requirements': requirements | join(' and '), 'leaves': leaves,
  } %}
  {% set used_windows = {} %}
  {% for window in windows.values() %}
    {% do used_windows.update({window: kpi_windows()[window]}) %}
  {% endfor %}
  {% do definition.update({
    'version': local_md5(tojson([definition, used_windows, meta.unit, meta.additivity], sort_keys=true))[:12],
    'kpi': name,
    'type': metric.type,
    'meta': meta,
  }) %}
  {% do return(definition) %}
{% endmacro %}

{% macro kpi_definitions(cadence=none) %}
  {#- Compiled definitions of all KPIs (of one cadence), by name. -#}
  {% set definitions = {} %}
  {% for name in kpi_names() if cadence is none or cadence in kpi_metric(name).config.meta.get('cadences', []) %}
    {% do definitions.update({name: kpi_definition(name)}) %}
  {% endfor %}
  {% do return(definitions) %}
{% endmacro %}
