{#-
  Where the lake is and which of its loads count. The lake is dlt's: one Parquet folder per table, and one file in
  `_dlt_loads` per load, written last: a load without it never happened.
-#}
{% macro lake_url() -%}
    {{- env_var('KPILOTE_LAKE_URL', env_var('KPILOTE_HOME', 'data') ~ '/lake') -}}
{%- endmacro %}

{#-
  dbt's own `source`, with the place of the lake put in when SQL is rendered: what dbt parses names no home. (`dbt source
  freshness` asks for no macro: how fresh a source is, the gate raw judges.)
-#}
{% macro source(source_name, table_name) %}
  {%- set relation = builtins.source(source_name, table_name) -%}
  {%- if execute and relation.external -%}
    {%- set relation = relation.incorporate(external=relation.external | replace('lake://', lake_url() ~ '/')) -%}
  {%- endif -%}
  {{ return(relation) }}
{% endmacro %}

{#- The instant (ISO 8601, UTC) at which the lake is looked at; empty: now, with every committed load. -#}
{% macro as_of() -%}
    {{- env_var('KPILOTE_AS_OF', '') -}}
{%- endmacro %}

{#-
  Rows of `_windows` of committed loads: which days of which table each load speaks for. As of an instant, a load committed
  later does not exist, and with it nothing that it brought.
-#}
{% macro committed_windows(source_name) -%}
    {{ return(adapter.dispatch('committed_windows', 'kpilote')(source_name)) }}
{%- endmacro %}

{% macro default__committed_windows(source_name) %}
    select
        windows._dlt_load_id as load_id,
        windows.table_name,
        windows.window_start,
        windows.window_end,
        windows.pulled_at
    from {{ source_name }}._windows as windows
    inner join {{ source_name }}._dlt_loads as loads on windows._dlt_load_id = loads.load_id
    {%- if as_of() %}
    where loads.inserted_at <= cast('{{ as_of() }}' as timestamp)
    {%- endif %}
{% endmacro %}

{% macro duckdb__committed_windows(source_name) %}
    {%- set folder = lake_url() ~ '/' ~ source_name -%}
    select
        windows._dlt_load_id as load_id,
        windows.table_name,
        windows.window_start,
        windows.window_end,
        windows.pulled_at
    from read_parquet('{{ folder }}/_windows/*.parquet', union_by_name = true) as windows
    inner join (
        {%- if as_of() %}
        select distinct loads.load_id
        from read_json(
            '{{ folder }}/_dlt_loads/*.jsonl',
            format = 'newline_delimited', columns = {load_id: 'VARCHAR', inserted_at: 'TIMESTAMP WITH TIME ZONE'}
        ) as loads
        where loads.inserted_at <= cast('{{ as_of() }}' as timestamp with time zone)
        {%- else %}
        -- The file's name carries the load id, so nothing has to be opened, and an empty folder is no error.
        select distinct regexp_extract(loads.file, '__([0-9.]+)\.jsonl$', 1) as load_id
        from glob('{{ folder }}/_dlt_loads/*.jsonl') as loads
        {%- endif %}
    ) as committed on windows._dlt_load_id = committed.load_id
{% endmacro %}
