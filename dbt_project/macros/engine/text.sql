{#- The path of a URL: no scheme, host, query or fragment. -#}
{% macro url_path(url) -%}
    {{- return(adapter.dispatch('url_path', 'kpilote')(url)) -}}
{%- endmacro %}
{% macro default__url_path(url) -%}
    nullif(regexp_replace(regexp_replace({{ url }}, '^[a-zA-Z]+://[^/?#]*', ''), '[?#].*$', ''), '')
{%- endmacro %}

{#- Whether a whole text matches a regular expression (what RE2 and Java have in common), in whatever case. -#}
{% macro matches(text, pattern) -%}
    {{- return(adapter.dispatch('matches', 'kpilote')(text, pattern)) -}}
{%- endmacro %}
{% macro default__matches(text, pattern) -%} {{ text }} rlike concat('(?i)^(?:', {{ pattern }}, ')$') {%- endmacro %}
{% macro duckdb__matches(text, pattern) -%} regexp_full_match({{ text }}, {{ pattern }}, 'i') {%- endmacro %}

{#- A text by its letters and digits alone: neither case nor accents nor what separates words. -#}
{% macro plain_text(text) -%}
    {{- return(adapter.dispatch('plain_text', 'kpilote')(text)) -}}
{%- endmacro %}
{% macro default__plain_text(text) -%}
    regexp_replace(
        translate(lower({{ text }}), 'àâäáãåçéèêëíìîïñóòôöõúùûüýÿ', 'aaaaaaceeeeiiiinooooouuuuyy'), '[^\\p{L}\\p{N}]', ''
    )
{%- endmacro %}
{% macro duckdb__plain_text(text) -%}
    regexp_replace(strip_accents(lower({{ text }})), '[^\p{L}\p{N}]', '', 'g')
{%- endmacro %}

{#- Texts of a group as one, in an order. -#}
{% macro joined_text(text, separator, order_by) -%}
    {{- return(adapter.dispatch('joined_text', 'kpilote')(text, separator, order_by)) -}}
{%- endmacro %}
{% macro default__joined_text(text, separator, order_by) -%}
    array_join(
        transform(array_sort(collect_list(struct({{ order_by }} as o, {{ text }} as t))), x -> x.t),
        '{{ separator }}'
    )
{%- endmacro %}
{% macro duckdb__joined_text(text, separator, order_by) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{#- Texts of a group in an order, as a JSON array: whatever is in them, it separates nothing. -#}
{% macro json_list(text, order_by) -%}
    {{- return(adapter.dispatch('json_list', 'kpilote')(text, order_by)) -}}
{%- endmacro %}
{% macro default__json_list(text, order_by) -%}
    to_json(transform(array_sort(collect_list(struct({{ order_by }} as o, {{ text }} as t))), x -> x.t))
{%- endmacro %}
{% macro duckdb__json_list(text, order_by) -%}
    cast(to_json(list({{ text }} order by {{ order_by }})) as varchar)
{%- endmacro %}
