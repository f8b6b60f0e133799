{#- Whether an instant lies no further after another one than a path reaches back (in microseconds). -#}
{% macro within_lookback(earlier, later, lookback) -%}
    ({{ later }} >= {{ earlier }} and {{ epoch_microseconds(later) }} - {{ epoch_microseconds(earlier) }} <= {{ lookback }})
{%- endmacro %}
