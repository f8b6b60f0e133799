{#- A text that is equal for equal rows of one relation: a tie-break that does not depend on file or thread order. -#}
{% macro row_fingerprint(alias) -%}
    {{- return(adapter.dispatch('row_fingerprint', 'kpilote')(alias)) -}}
{%- endmacro %}
{% macro default__row_fingerprint(alias) -%} to_json(struct({{ alias }}.*)) {%- endmacro %}
{% macro duckdb__row_fingerprint(alias) -%} cast({{ alias }} as varchar) {%- endmacro %}
