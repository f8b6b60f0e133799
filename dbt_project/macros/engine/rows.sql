{#- A text that is equal for equal rows of one relation: a tie-break that does not depend on file or thread order. -#}
{% macro row_fingerprint(alias) -%}
    {{- return(adapter.dispatch('row_fingerprint', 'kpilote')(alias)) -}}
{%- endmacro %}
{% macro default__row_fingerprint(alias) -%} to_json(struct({{ alias }}.*)) {%- endmacro %}
{% macro duckdb__row_fingerprint(alias) -%} cast({{ alias }} as varchar) {%- endmacro %}

{#- Aggregate: a text that is equal for equal sets of rows (duplicates counted), whatever order they are read in. -#}
{% macro rows_digest(alias) -%}
    {{- return(adapter.dispatch('rows_digest', 'kpilote')(alias)) -}}
{%- endmacro %}
{% macro default__rows_digest(alias) -%}
    cast(sum(cast(xxhash64(struct({{ alias }}.*)) as decimal(38, 0))) as varchar(40))
{%- endmacro %}
{% macro duckdb__rows_digest(alias) -%} cast(sum(hash({{ alias }})) as varchar) {%- endmacro %}
