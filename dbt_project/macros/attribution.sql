{#- The rule models, in the order the marts show them. -#}
{% macro attribution_models() -%}
    {{ return(['first_touch', 'last_touch', 'last_non_direct', 'linear', 'position_based', 'time_decay']) }}
{%- endmacro %}

{#- position_based: two touches share what the ends have, one has it all, the touches between split the rest. -#}
{% macro position_based_credit(is_first, is_last, touches) -%}
    {%- set first, last = var('attribution_position_first'), var('attribution_position_last') -%}
    case
        when {{ touches }} = 1 then 1.0
        when {{ touches }} = 2 and {{ is_first }} then cast({{ first }} as double) / {{ first + last }}
        when {{ touches }} = 2 then cast({{ last }} as double) / {{ first + last }}
        when {{ is_first }} then {{ first }}
        when {{ is_last }} then {{ last }}
        else cast({{ (1 - first - last) | round(12) }} as double) / ({{ touches }} - 2)
    end
{%- endmacro %}

{#-
  Half as much for every half-life between touch and conversion, as a whole number: weights then add up to the same total
  in whatever order.
-#}
{% macro decay_weight(touched_at, converted_at) -%}
    cast(round(1e15 * power(
        cast(0.5 as double),
        {{ days_between(touched_at, converted_at) }} / {{ var('attribution_half_life_days') }}
    )) as bigint)
{%- endmacro %}

{#- A share of a value in whole cents, rounded to zero; a millionth of a cent forgives what doubles cannot hold. -#}
{% macro whole_cents(value, credit) -%}
    cast(
        sign({{ value }})
        * floor(abs(cast({{ value }} as double)) * 100 * {{ credit }} + 0.000001) / 100
        as decimal(18, 2)
    )
{%- endmacro %}
