{#- What a channel rule looks at, a pattern each. -#}
{% macro channel_parts() %}
  {%- do return(['source', 'medium', 'campaign', 'referrer', 'click_id']) -%}
{% endmacro %}

{#- What analytics tools write where a link carries no campaign. -#}
{% macro named_campaign(campaign) -%}
    case
        when {{ campaign }} in ('(not set)', '(direct)', '(organic)', '(referral)') then '(none)'
        else {{ or_none(campaign) }}
    end
{%- endmacro %}

{#- Whether a tag is missing on a link that has others. -#}
{% macro is_missing_tag(tag) -%}
    {{ tag }} in ('(none)', '(not set)')
{%- endmacro %}
