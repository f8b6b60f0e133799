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

{#-
Records of several CRMs that are one and the same: as `links` (loser, survivor), by a value that both tell (the hash of an address, a
domain). The record that stands survives, of those the one of the CRM that KPILOTE_SOURCES names first, then the oldest. Where a CRM tells
a deletion from a merge (`heeds_deletions`), a record of a CRM that is still worked in comes first (var crm_until), though it be deleted.
Records of one CRM are left to that CRM, which knows better whom it would merge.
-#}
{% macro links_between_crms(records, id_column, value_column, heeds_deletions) %}
    select
        loser_id,
        survivor_id
    from (
        select
            {{ id_column }} as loser_id,
            first_value({{ id_column }}) over (
                partition by {{ value_column }}
                order by
                    {%- if heeds_deletions %}
                    case when {{ read_until(id_column) }} is null then 0 else 1 end,
                    {%- endif %}
                    is_archived,
                    case {{ dbt.split_part(id_column, "':'", 1) }}
                        {%- for name in vendors_on('crm') %} when '{{ name }}' then {{ loop.index }}{% endfor %}
                    end,
                    created_at,
                    {{ id_column }}
            ) as survivor_id
        from {{ records }}
        where {{ value_column }} is not null
    ) as same
    where {{ dbt.split_part('loser_id', "':'", 1) }} != {{ dbt.split_part('survivor_id', "':'", 1) }}
{% endmacro %}

{#-
Records of an entity that were merged away, and the one each of them became: what a CRM merged itself, and what two CRMs both know
by a value of theirs, or by one of several (`values_column`).
-#}
{% macro merged_records(entity_name, id_column, value_column, values_column=none, heeds_deletions=false) %}
with recursive

exploded as (

    {{ exploded(all_of(entity_name), [id_column], 'merged_ids', 'merged_id', 'position') }}

),

own as (

    select
        merged_id as loser_id,
        {{ id_column }} as survivor_id
    from exploded
    where merged_id != {{ id_column }}

),

known as (

    select
        {{ id_column }},
        is_archived,
        created_at
    from {{ all_of(entity_name) }}

),
{% if values_column %}
all_values as (

    {{ exploded(all_of(entity_name), [id_column], values_column, value_column, 'position') }}

),
{% endif %}
told as (

    select
        {{ id_column }},
        {{ value_column }}
    from {{ all_of(entity_name) }}
    {%- if values_column %}
    union all
    select
        {{ id_column }},
        {{ value_column }}
    from all_values
    {%- endif %}

),

-- What a record was merged into knows what the record knew.
records as (

    select
        known.{{ id_column }},
        told.{{ value_column }},
        known.is_archived,
        known.created_at
    from told
    left join own on told.{{ id_column }} = own.loser_id
    inner join known on coalesce(own.survivor_id, told.{{ id_column }}) = known.{{ id_column }}

),

links as (

    select
        loser_id,
        survivor_id
    from own
    union
    {{ links_between_crms('records', id_column, value_column, heeds_deletions) }}

),

{{ surviving_records('links', id_column) }}
{% endmacro %}
