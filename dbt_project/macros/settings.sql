{#- What the whole pipeline shares comes from the environment (ingestion/settings.py); business rules are vars. -#}
{% macro reporting_timezone() -%}
    {{- env_var('KPILOTE_TIMEZONE', 'Europe/Paris') -}}
{%- endmacro %}

{% macro reporting_currency() -%}
    {{- env_var('KPILOTE_CURRENCY', 'EUR') -}}
{%- endmacro %}

{#- A list var as SQL literals: ('a', 'b'). -#}
{% macro in_list(values) -%}
    ({%- for value in values -%} '{{ value }}'{{ ', ' if not loop.last }} {%- endfor -%})
{%- endmacro %}

{#- Whether a text contains one of a list var's words, in whatever case. -#}
{% macro contains_any(expression, words) -%}
    ({%- for word in words -%}
        {{ 'or ' if not loop.first }}lower({{ expression }}) like '%{{ word | lower }}%'{{ ' ' if not loop.last }}
    {%- endfor -%})
{%- endmacro %}
