{#-
  Incremental strategy for windowed facts: the model names, in config.meta.day_owners, the table that says which load speaks
  for which day (day, load_id), and keeps both as its own columns (config.meta.day_column, load_id). Whatever the target holds
  from another load than the owner goes, however many days that is, and what the model selected (the days whose owner is new)
  comes, in one transaction. So a skipped run, a backfill and a full refresh end in the same rows.
-#}
{% macro get_incremental_replace_days_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set meta = config.get('meta') -%}
    delete from {{ target }}
    where not exists (
        select 1
        from {{ ref(meta['day_owners']) }} as owners
        where owners.day = {{ target }}.{{ meta['day_column'] }} and owners.load_id = {{ target }}.load_id
    );
    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- The owners whose days a windowed fact has to take in: all of them at first, later those it does not hold yet. -#}
{% macro new_day_owners(owners, day_column) %}
    select
        owners.day,
        owners.load_id
    from {{ owners }} as owners
    {% if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as held
        where held.{{ day_column }} = owners.day and held.load_id = owners.load_id
    )
    {% endif %}
{% endmacro %}
