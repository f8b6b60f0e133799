{#-
  Which record each merged record became, as the last CTE `survivors` (loser_id, survivor_id): links followed to the end where a
  survivor was merged itself. Ten merges in a row are followed; a circle, which no CRM makes, ends there.
-#}
{% macro surviving_records(links) %}
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

    followed as (

        select
            loser_id,
            survivor_id,
            row_number() over (partition by loser_id order by depth desc, survivor_id asc) as recency
        from chains
        where loser_id != survivor_id

    ),

    survivors as (

        select
            loser_id,
            survivor_id
        from followed
        where recency = 1

    )
{% endmacro %}

{#-
Which records of an entity are one and the same, link by link (loser, survivor), with the evidence: `crm_merge`, what a CRM merged itself,
and `evidence`, a value that records of two CRMs tell (the hash of an address, a domain). Of those the record that stands survives, of
several the one of the CRM that KPILOTE_SOURCES names first, then the oldest. A record may have several such values (`values_column`). Where
a CRM tells a deletion from a merge (`heeds_deletions`), a record of a CRM that is still worked in comes first (var crm_until), though it be
deleted. Records of one CRM are left to that CRM, which knows better whom it would merge.

A value that does not tell one from another joins nobody: its links say why in `refused`, for people to look at.
  role_address  the value is one of a role (`doubtful`, a column of the entity)
  shared        more than identity_most_records_per_value records have it
  too_large     it would make one of more than identity_most_records_per_survivor records
A record that is there for a test (`test`, a column of the entity) joins nobody either.
-#}
{% macro record_links(
    entity_name, id_column, value_column, evidence, values_column=none, heeds_deletions=false, doubtful=none, test=none
) %}
with recursive

exploded as (

    {{ exploded(all_of(entity_name), [id_column], 'merged_ids', 'merged_id', 'position') }}

),

own as (

    select distinct
        merged_id as loser_id,
        {{ id_column }} as survivor_id
    from exploded
    where merged_id != {{ id_column }}

),

known as (

    select
        {{ id_column }},
        {{ value_column }},
        coalesce({{ doubtful or 'false' }}, false) as is_doubtful,
        coalesce({{ test or 'false' }}, false) as is_test,
        is_archived,
        created_at
    from {{ all_of(entity_name) }}

),
{% if values_column %}
all_values as (

    {{ exploded(all_of(entity_name), [id_column], values_column, 'value', 'position') }}

),
{% endif %}
told as (

    select
        {{ id_column }},
        {{ value_column }},
        is_doubtful
    from known
    where not is_test
    {%- if values_column %}
    union all
    select
        known.{{ id_column }},
        all_values.value as {{ value_column }},
        -- What is said of a record's address is said of its first one.
        known.is_doubtful and all_values.value = known.{{ value_column }} as is_doubtful
    from all_values
    inner join known on all_values.{{ id_column }} = known.{{ id_column }}
    where not known.is_test
    {%- endif %}

),

-- What a record was merged into knows what the record knew.
records as (

    select distinct
        known.{{ id_column }},
        told.{{ value_column }},
        told.is_doubtful,
        known.is_archived,
        known.created_at
    from told
    left join own on told.{{ id_column }} = own.loser_id
    inner join known on coalesce(own.survivor_id, told.{{ id_column }}) = known.{{ id_column }}
    where told.{{ value_column }} is not null and not known.is_test

),

ranked as (

    select
        {{ id_column }} as loser_id,
        {{ value_column }},
        first_value({{ id_column }}) over (
            partition by {{ value_column }}
            order by
                {%- if heeds_deletions %}
                case when {{ read_until(id_column) }} is null then 0 else 1 end,
                {%- endif %}
                is_archived,
                {{ crm_place(id_column) }},
                created_at,
                {{ id_column }}
        ) as survivor_id
    from records

),

carried as (

    select
        {{ value_column }},
        max(case when is_doubtful then 1 else 0 end) as is_doubtful,
        count(distinct {{ id_column }}) as records
    from records
    group by {{ value_column }}

),

between_crms as (

    select
        ranked.loser_id,
        ranked.survivor_id,
        -- One reason where two values say the same of two records: none, if one of them is good enough.
        nullif(min(case
            when carried.is_doubtful = 1 then 'role_address'
            when carried.records > {{ var('identity_most_records_per_value') }} then 'shared'
            else ''
        end), '') as refused
    from ranked
    inner join carried on ranked.{{ value_column }} = carried.{{ value_column }}
    where {{ dbt.split_part('ranked.loser_id', "':'", 1) }} != {{ dbt.split_part('ranked.survivor_id', "':'", 1) }}
    group by ranked.loser_id, ranked.survivor_id

),

wanted as (

    select
        loser_id,
        survivor_id
    from own
    union
    select
        loser_id,
        survivor_id
    from between_crms
    where refused is null

),

{{ surviving_records('wanted') }},

too_large as (

    select survivor_id
    from survivors
    group by survivor_id
    having count(*) >= {{ var('identity_most_records_per_survivor') }}

)

select
    loser_id,
    survivor_id,
    'crm_merge' as evidence,
    cast(null as {{ dbt.type_string() }}) as refused
from own
union all
select
    between_crms.loser_id,
    between_crms.survivor_id,
    '{{ evidence }}' as evidence,
    coalesce(between_crms.refused, case when too_large.survivor_id is not null then 'too_large' end) as refused
from between_crms
left join survivors on between_crms.loser_id = survivors.loser_id
left join too_large on coalesce(survivors.survivor_id, between_crms.survivor_id) = too_large.survivor_id
left join own on between_crms.loser_id = own.loser_id and between_crms.survivor_id = own.survivor_id
where own.loser_id is null
{% endmacro %}

{#- Which place KPILOTE_SOURCES gives to the CRM of a record. -#}
{% macro crm_place(id_column) -%}
    {%- if vendors_on('crm') -%}
    case {{ dbt.split_part(id_column, "':'", 1) }}
        {%- for name in vendors_on('crm') %} when '{{ name }}' then {{ loop.index }}{% endfor %}
    end
    {%- else -%}
    cast(null as integer)
    {%- endif -%}
{%- endmacro %}

{#- Records that were merged away, and the one each of them became, by the links of a model that holds. -#}
{% macro merged_records(links_model, id_column) %}
with recursive

links as (

    select distinct
        loser_id,
        survivor_id
    from {{ ref(links_model) }}
    where refused is null

),

{{ surviving_records('links') }}

select
    loser_id as {{ id_column }},
    survivor_id
from survivors
{% endmacro %}
