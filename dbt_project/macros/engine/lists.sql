{#-
One row per day, `date_day`, of each row's span: from `first` to `last`, both dates of the relation and both included; no
row where `last` is before `first`.
-#}
{% macro span_days(relation, columns, first, last) -%}
    {{- return(adapter.dispatch('span_days', 'kpilote')(relation, columns, first, last)) -}}
{%- endmacro %}

{% macro default__span_days(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        explode(sequence({{ first }}, {{ last }}, interval 1 day)) as date_day
    from {{ relation }}
    where {{ first }} <= {{ last }}
{%- endmacro %}

{% macro duckdb__span_days(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        {{ first }} + cast(unnest(range(cast({{ last }} - {{ first }} as bigint) + 1)) as integer) as date_day
    from {{ relation }}
{%- endmacro %}

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
