{#- KPI dimensions are never null on a fact: what is unknown reads (none). -#}
{% macro or_none(expression) -%}
    coalesce({{ expression }}, '(none)')
{%- endmacro %}

{#- The segment that a CRM names: one of those by size however it is spelt (Mid-Market), any other word as it was said. -#}
{% macro named_segment(words) -%}
    {%- set spelt_out = "lower(replace(replace(" ~ words ~ ", '-', '_'), ' ', '_'))" -%}
    case when {{ spelt_out }} in ('smb', 'mid_market', 'enterprise') then {{ spelt_out }} else {{ words }} end
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
