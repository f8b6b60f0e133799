{#- One row per item of a list column, with its position from 1; rows without items disappear. -#}
{% macro exploded(relation, columns, list_column, item_name, position_name) -%}
    {{- return(adapter.dispatch('exploded', 'kpilote')(relation, columns, list_column, item_name, position_name)) -}}
{%- endmacro %}

{% macro default__exploded(relation, columns, list_column, item_name, position_name) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        {{ item_name }},
        {{ position_name }} + 1 as {{ position_name }}
    from {{ relation }}
    lateral view posexplode({{ list_column }}) items as {{ position_name }}, {{ item_name }}
{%- endmacro %}

{% macro duckdb__exploded(relation, columns, list_column, item_name, position_name) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        unnest({{ list_column }}) as {{ item_name }},
        generate_subscripts({{ list_column }}, 1) as {{ position_name }}
    from {{ relation }}
{%- endmacro %}

{#- The values of a group as a list, in their own order. -#}
{% macro sorted_list(expression) -%}
    {{- return(adapter.dispatch('sorted_list', 'kpilote')(expression)) -}}
{%- endmacro %}
{% macro default__sorted_list(expression) -%} array_sort(collect_list({{ expression }})) {%- endmacro %}
{% macro duckdb__sorted_list(expression) -%} list({{ expression }} order by {{ expression }}) {%- endmacro %}

{#- A list of ids of a vendor's as they are known outside staging (record_id). -#}
{% macro record_ids(source_name, column) -%}
    {{- return(adapter.dispatch('record_ids', 'kpilote')(source_name, column)) -}}
{%- endmacro %}
{% macro default__record_ids(source_name, column) -%}
    transform({{ column }}, each -> concat('{{ source_name }}:', each))
{%- endmacro %}
{% macro duckdb__record_ids(source_name, column) -%}
    list_transform({{ column }}, lambda each: '{{ source_name }}:' || each)
{%- endmacro %}

{#- No value of a column type, written as DuckDB writes it. -#}
{% macro typed_null(type) -%}
    {{- return(adapter.dispatch('typed_null', 'kpilote')(type)) -}}
{%- endmacro %}
{% macro default__typed_null(type) -%}
    cast(null as {{ 'array<string>' if type == 'varchar[]' else type | replace('varchar', 'string') }})
{%- endmacro %}
{% macro duckdb__typed_null(type) -%} cast(null as {{ type }}) {%- endmacro %}
