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
