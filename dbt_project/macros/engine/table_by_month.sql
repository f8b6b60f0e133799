{#-
Materialization: a table of which only the months that differ are written. Which months are computed at all, and how a model
says so: macros/engine/month_states.sql. A table that is not there, that other SQL made or that is wanted anew (--full-refresh)
is built like any other.
-#}
{% materialization table_by_month, adapter='duckdb', supported_languages=['sql'] %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set made_of = config.get('meta').get('made_of') -%}
  {%- set made_by = made_by_month() -%}
  {%- if is_held(made_by) -%}
    {%- set computed = make_temp_relation(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if made_of -%}
      {%- do run_query(find_stale_months(target)) -%}
    {%- endif -%}
    {%- do run_query(create_table_as(True, computed, stale_rows(compiled_code))) -%}
    {%- set columns = adapter.get_columns_in_relation(computed) -%}
    {%- if columns | map('string') | sort | list == adapter.get_columns_in_relation(target) | map('string') | sort | list -%}
      {%- call statement('main') -%}
        {{ replace_months(target, computed, columns, made_by) }}
      {%- endcall -%}
      {{ run_hooks(post_hooks, inside_transaction=True) }}
      {{ adapter.commit() }}
      {%- do adapter.drop_relation(computed) -%}
      {{ run_hooks(post_hooks, inside_transaction=False) }}
      {{ return({'relations': [target]}) }}
    {%- endif -%}
    {%- do adapter.drop_relation(computed) -%}
  {%- endif -%}
  {#- Nothing is known of the table while it is built: killed after it, the next run builds it again. -#}
  {%- do run_query("delete from " ~ month_states() ~ " where table_name = '" ~ model.name ~ "'") -%}
  {%- if made_of -%}
    {%- do run_query(find_stale_months(target)) -%}
  {%- endif -%}
  {%- set built = materialization_table_duckdb() -%}
  {%- call statement() -%}
    {{ remember_months(months_digested(target, config.get('meta').month_of), made_by) }}
  {%- endcall -%}
  {{ adapter.commit() }}
  {{ return(built) }}
{% endmaterialization %}

{#- What a model says of its stale months. -#}
{% macro stale_rows(sql) %}
  {%- set meta = config.get('meta') -%}
  {%- if meta.get('made_of') -%}
    select said.*
    from ({{ sql }}) as said
    where {{ month_of('said.' ~ meta.month_of) }} in ({{ stale_months() }})
  {%- else -%}
    {{ sql }}
  {%- endif -%}
{% endmacro %}

{% macro replace_months(target, computed, columns, made_by) %}
  {%- set meta = config.get('meta') -%}
  {%- set month = month_of(meta.month_of) -%}
  {%- set names = columns | map(attribute='quoted') | join(', ') -%}
  {%- set said, differ = months_of_model('said'), months_of_model('differ') -%}
    create or replace temporary table {{ said }} as {{ months_digested(computed, meta.month_of) }};
    create or replace temporary table {{ differ }} as
    select coalesce(said.month, held.month) as month
    from {{ said }} as said
    full outer join (
        select month, digest
        from {{ month_states() }}
        where
            table_name = '{{ model.name }}'
            {{ 'and month in (' ~ stale_months() ~ ')' if meta.get('made_of') }}
    ) as held
    on said.month = held.month
    where said.digest is distinct from held.digest;
    delete from {{ target }} where {{ month }} in (select month from {{ differ }});
    insert into {{ target }} ({{ names }})
    select {{ names }} from {{ computed }} where {{ month }} in (select month from {{ differ }});
    {{ remember_months('select month, digest from ' ~ said, made_by) }}
{% endmacro %}
