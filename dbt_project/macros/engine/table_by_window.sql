{#-
Materialization: a table that a Python model makes anew in each run, from what it said in the last one (`dbt.this`) and what is
not in there. Wanted anew (--full-refresh), it finds nothing. Until the new table is whole, the old one stands.
-#}
{% materialization table_by_window, adapter='duckdb', supported_languages=['python'] %}
  {%- set target = this.incorporate(type='table') -%}
  {%- set made = make_intermediate_relation(target) -%}
  {%- do drop_relation_if_exists(load_cached_relation(made)) -%}
  {%- if should_full_refresh() -%}
    {%- do drop_relation_if_exists(load_cached_relation(this)) -%}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- call statement('main', language='python') -%}
    {{ create_table_as(False, made, compiled_code, 'python') }}
  {%- endcall -%}
  {%- do drop_relation_if_exists(load_cached_relation(this)) -%}
  {%- do adapter.rename_relation(made, target) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {{ adapter.commit() }}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}
