{#- The path of a URL: no scheme, host, query or fragment. -#}
{% macro url_path(url) -%}
    {{- return(adapter.dispatch('url_path', 'kpilote')(url)) -}}
{%- endmacro %}
{% macro default__url_path(url) -%}
    nullif(regexp_replace(regexp_replace({{ url }}, '^[a-zA-Z]+://[^/?#]*', ''), '[?#].*$', ''), '')
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
