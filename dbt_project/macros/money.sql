{#-
  An amount in the reporting currency, to the cent. `rate` is the reporting currency per unit on the KPI's own date; without one
  the result is NULL, which the gates refuse: never a silent 1.0.
-#}
{% macro to_reporting(amount, currency, rate) -%}
    cast(
        case
            when {{ currency }} = '{{ reporting_currency() }}' then {{ amount }}
            else round({{ amount }} * {{ rate }}, 2)
        end as decimal(18, 2)
    )
{%- endmacro %}
