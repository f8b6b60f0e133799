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

{#-
  Which record each merged record became: (loser, survivor) pairs, followed to the end where a survivor was merged itself.
  Ten merges in a row are followed; a circle, which no CRM makes, ends there.
-#}
{% macro surviving_records(links, id_column) %}
    chains as (

        select
            loser_id,
            survivor_id,
            1 as depth
        from {{ links }}
        union all
        select
            chains.loser_id,
            {{ links }}.survivor_id,
            chains.depth + 1 as depth
        from chains
        inner join {{ links }} on chains.survivor_id = {{ links }}.loser_id
        where chains.depth < 10

    ),

    ranked as (

        select
            loser_id,
            survivor_id,
            row_number() over (partition by loser_id order by depth desc, survivor_id asc) as recency
        from chains
        where loser_id != survivor_id

    )

    select
        loser_id as {{ id_column }},
        survivor_id
    from ranked
    where recency = 1
{% endmacro %}
