{#- Schemas are the layers' names (staging, intermediate, marts, seeds): one warehouse per environment, no prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
