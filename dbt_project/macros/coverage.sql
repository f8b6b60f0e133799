{#-
One row per covered day, `date_day`, on which a row of the relation holds: from its date `start` to the day before `end`, or to
the last covered day where `end` is NULL.
-#}
{% macro covered_days(relation, columns, start, end) -%}
    {%- set spans -%}
    (
        select
            {% for column in columns %}held.{{ column }}, {% endfor %}
            greatest(held.{{ start }}, covered.first_day) as first_day,
            least(coalesce({{ add_days('held.' ~ end, -1) }}, covered.last_day), covered.last_day) as last_day
        from {{ relation }} as held
        cross join (
            select min(date_day) as first_day, max(date_day) as last_day
            from {{ ref('dim_dates') }}
            where is_covered
        ) as covered
        where held.{{ start }} is not null
    ) as spans
    {%- endset -%}
    {{- span_days(spans, columns, 'first_day', 'last_day') -}}
{%- endmacro %}
