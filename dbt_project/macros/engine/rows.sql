{#- A text that is equal for equal rows of one relation: a tie-break that does not depend on file or thread order. -#}
{% macro row_fingerprint(alias) -%}
    {{- return(adapter.dispatch('row_fingerprint', 'kpilote')(alias)) -}}
{%- endmacro %}
{% macro default__row_fingerprint(alias) -%} to_json(struct({{ alias }}.*)) {%- endmacro %}
{% macro duckdb__row_fingerprint(alias) -%} cast({{ alias }} as varchar) {%- endmacro %}

{#-
Aggregate: a text that is equal for equal sets of rows (duplicates counted), whatever order they are read in. `texts` are the columns of the relation that
hold text: DuckDB hashes text by blocks of eight bytes, and two that differ in the last byte of two blocks only ('call:33330000005' and
'call:33830000002') may have one hash. With a character before them the blocks are others, and not both hashes are equal.
-#}
{% macro rows_digest(alias, texts) -%}
    {{- return(adapter.dispatch('rows_digest', 'kpilote')(alias, texts)) -}}
{%- endmacro %}
{% macro default__rows_digest(alias, texts) -%}
    cast(sum(cast(xxhash64(struct({{ alias }}.*)) as decimal(38, 0))) as varchar(40))
{%- endmacro %}
{% macro duckdb__rows_digest(alias, texts) -%}
    cast(sum(hash({{ alias }}{% for text in texts %}, '-' || {{ alias }}.{{ text }}{% endfor %})) as varchar)
{%- endmacro %}
