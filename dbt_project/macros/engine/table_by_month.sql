{#-
Materialization: a table of which only the months that differ are written. config.meta.month_of names the date or timestamp
that tells a row's month. The model is computed whole, so what it says never depends on what the table held; but writing
millions of rows that say what they said costs more than to compute and compare them. A table that is not there, has other
columns or another contract, or is wanted anew (--full-refresh) is built like any other.
-#}
{% materialization table_by_month, adapter='duckdb', supported_languages=['sql'] %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set promised = [model.constraints | string] -%}
  {%- for column in model.columns.values() -%}
    {%- do promised.append([column.name, column.data_type, column.constraints | string] | string) -%}
  {%- endfor -%}
  {%- set contract = local_md5(promised | join('\n')) -%}
  {%- if load_cached_relation(this) is not none and not should_full_refresh() and table_comment(target) == contract -%}
    {%- set computed = make_temp_relation(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- do run_query(create_table_as(True, computed, compiled_code)) -%}
    {%- set columns = adapter.get_columns_in_relation(computed) -%}
    {%- if columns | map('string') | sort | list == adapter.get_columns_in_relation(target) | map('string') | sort | list -%}
      {%- call statement('main') -%}
        {{ replace_months(target, computed, columns) }}
      {%- endcall -%}
      {{ run_hooks(post_hooks, inside_transaction=True) }}
      {{ adapter.commit() }}
      {%- do adapter.drop_relation(computed) -%}
      {{ run_hooks(post_hooks, inside_transaction=False) }}
      {{ return({'relations': [target]}) }}
    {%- endif -%}
    {%- do adapter.drop_relation(computed) -%}
  {%- endif -%}
  {%- set built = materialization_table_duckdb() -%}
  {%- do run_query("comment on table " ~ target ~ " is '" ~ contract ~ "'") -%}
  {{ return(built) }}
{% endmaterialization %}

{% macro table_comment(relation) %}
  {%- set found = run_query(
      "select comment from duckdb_tables() where database_name = '" ~ relation.database ~ "' and schema_name = '"
      ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'"
  ) -%}
  {%- do return(found.columns[0].values() | first if found.rows else none) -%}
{% endmacro %}

{#- Rows without a date are a month of their own. -#}
{% macro replace_months(target, computed, columns) %}
  {%- set month = "coalesce(" ~ period_start(config.get('meta')['month_of'], 'month') ~ ", date '0001-01-01')" -%}
  {%- set names = columns | map(attribute='quoted') | join(', ') -%}
  {%- set texts = columns | selectattr('dtype', 'equalto', 'VARCHAR') | map(attribute='quoted') | list -%}
  {%- set differ = adapter.quote(computed.identifier ~ '_months') -%}
    create temporary table {{ differ }} as
    select coalesce(computed.month, held.month) as month
    {% for side, relation in [('computed', computed), ('held', target)] %}
    {{ 'from' if loop.first else 'full outer join' }} (
        select {{ month }} as month, {{ rows_digest('each', texts) }} as digest
        from (select {{ names }} from {{ relation }}) as each
        group by all
    ) as {{ side }}
    {% endfor %}
    on computed.month = held.month
    where computed.digest is distinct from held.digest;
    delete from {{ target }} where {{ month }} in (select month from {{ differ }});
    insert into {{ target }} ({{ names }})
    select {{ names }} from {{ computed }} where {{ month }} in (select month from {{ differ }});
    drop table {{ differ }}
{% endmacro %}
