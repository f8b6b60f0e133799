{#- KPI dimensions are never null on a fact: what is unknown reads (none). -#}
{% macro or_none(expression) -%}
    coalesce({{ expression }}, '(none)')
{%- endmacro %}

{#- Companies by size; unknown sizes read (none). -#}
{% macro segment(employees) -%}
    case
        when {{ employees }} < {{ var('segment_mid_market_from') }} then 'smb'
        when {{ employees }} < {{ var('segment_enterprise_from') }} then 'mid_market'
        when {{ employees }} is not null then 'enterprise'
        else '(none)'
    end
{%- endmacro %}
