{#-
One row per covered month in which a row of the relation holds: from its date `start` to the day before `end`, or to the last
covered day where `end` is NULL. `month` is its first day; of its days the row holds from `first_day` to `last_day`.
-#}
{% macro covered_months(relation, columns, start, end) -%}
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
    select
        {% for column in columns %}months.{{ column }}, {% endfor %}
        months.month,
        greatest(months.first_day, months.month) as first_day,
        least(months.last_day, {{ dbt.last_day('months.month', 'month') }}) as last_day
    from ({{ span_months(spans, columns + ['first_day', 'last_day'], 'first_day', 'last_day') }}) as months
{%- endmacro %}
