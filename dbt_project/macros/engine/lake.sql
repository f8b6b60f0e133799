{#-
  Where the lake is and which of its loads count. The lake is dlt's: one Parquet folder per table, and one file in
  `_dlt_loads` per load, written last: a load without it never happened.
-#}
{% macro lake_url() -%}
    {{- env_var('KPILOTE_LAKE_URL', env_var('KPILOTE_HOME', 'data') ~ '/lake') -}}
{%- endmacro %}

{#- Rows of `_windows` of committed loads: which days of which table each load speaks for. -#}
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
        -- The file's name carries the load id, so nothing has to be opened, and an empty folder is no error.
        select distinct regexp_extract(loads.file, '__([0-9.]+)\.jsonl$', 1) as load_id
        from glob('{{ folder }}/_dlt_loads/*.jsonl') as loads
    ) as committed on windows._dlt_load_id = committed.load_id
{% endmacro %}
