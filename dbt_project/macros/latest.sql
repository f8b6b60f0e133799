{#-
  The lake is append-only: one row may be in it many times, and a day may have been pulled many times. These macros are the
  only code that knows which of it counts today. All of them see committed loads only, through stg_<source>__windows: a load
  writes a window for every table it pulled, in the same package as the rows. Load ids are times, so the newest is the largest.
-#}

{#-
  record tables: the newest committed row per key wins; between rows of one load the last updated. Rows with a null in the key
  cannot be told apart and are dropped (the raw gate counts them).
-#}
{% macro latest_records(source_name, table_name, key, updated_column=none) %}
    select ranked.*
    from (
        select
            lake.*,
            row_number() over (
                partition by {% for column in key %}lake.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
                order by
                    cast(lake._dlt_load_id as double) desc
                    {%- if updated_column %}, lake.{{ updated_column }} desc nulls last{% endif %}
                    {#- A page served twice gives equal rows; anything else in one load needs one fixed winner. -#}
                    , {{ row_fingerprint('lake') }}
            ) as recency
        from {{ source(source_name, table_name) }} as lake
        where
            lake._dlt_load_id in (
                select windows.load_id
                from {{ ref('stg_' ~ source_name ~ '__windows') }} as windows
                where windows.table_name = '{{ table_name }}'
            )
            {%- for column in key %}
            and lake.{{ column }} is not null
            {%- endfor %}
    ) as ranked
    where ranked.recency = 1
{% endmacro %}

{#-
  Which load speaks for which day: of the committed loads whose windows cover the day, the newest. A day on which that load
  found nothing has no row, whatever older loads said.
-#}
{% macro window_owners(source_name, table_name, day_column) %}
    with

    pulled as (

        select distinct
            lake.{{ day_column }} as day,
            lake._dlt_load_id as load_id
        from {{ source(source_name, table_name) }} as lake
        where lake.{{ day_column }} is not null

    ),

    days as (

        select distinct pulled.day
        from pulled

    ),

    newest as (

        select
            days.day,
            max(cast(windows.load_id as double)) as load_order
        from days
        inner join {{ ref('stg_' ~ source_name ~ '__windows') }} as windows
            on days.day >= windows.window_start and days.day < windows.window_end
        where windows.table_name = '{{ table_name }}'
        group by days.day

    )

    select
        pulled.day,
        pulled.load_id
    from pulled
    inner join newest
        on pulled.day = newest.day and cast(pulled.load_id as double) = newest.load_order
{% endmacro %}

{#- window tables: for each day, what the newest committed load covering it said. -#}
{% macro latest_windows(source_name, table_name, day_column) %}
    select lake.*
    from {{ source(source_name, table_name) }} as lake
    inner join ({{ window_owners(source_name, table_name, day_column) }}) as owners
        on lake.{{ day_column }} = owners.day and lake._dlt_load_id = owners.load_id
{% endmacro %}

{#- window tables every load covers whole (files people edit): what the newest committed load of the table said. -#}
{% macro latest_whole(source_name, table_name) %}
    select lake.*
    from {{ source(source_name, table_name) }} as lake
    where cast(lake._dlt_load_id as double) = (
        select max(cast(windows.load_id as double))
        from {{ ref('stg_' ~ source_name ~ '__windows') }} as windows
        where windows.table_name = '{{ table_name }}'
    )
{% endmacro %}
