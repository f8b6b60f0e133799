{#-
  Incremental strategy for windowed facts: the model names, in config.meta.day_owners, the table that says which load speaks
  for which day (day, load_id), and keeps both as its own columns (config.meta.day_column, load_id) beside made_by, what
  its rows were made by. Whatever the target holds from another load than the owner, or made otherwise, goes, however many
  days that is, and what the model selected (the days that are not held so) comes, in one transaction. So a skipped run, a
  backfill, a changed model and a full refresh end in the same rows.
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
    ) or made_by is distinct from '{{ made_by() }}';
    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
{% endmacro %}

{#- The owners whose days a windowed fact has to take in: all of them at first, later those it does not hold so. -#}
{% macro new_day_owners(owners, day_column) %}
    select
        owners.day,
        owners.load_id
    from {{ owners }} as owners
    {% if is_incremental() %}
    where not exists (
        select 1
        from {{ this }} as held
        where held.{{ day_column }} = owners.day and held.load_id = owners.load_id and held.made_by = '{{ made_by() }}'
    )
    {% endif %}
{% endmacro %}

{#-
  Digest of what makes a windowed fact's rows: its SQL, that of the models it reads, the vars of config.meta.vars, and what
  macros make of a value (the time zone is in it).
-#}
{% macro made_by() %}
  {% if not execute %}
    {% do return('') %}
  {% endif %}
  {% set texts = [model.raw_code, reporting_date('value'), url_path('value'), or_none('value')] %}
  {#- dbt gives its unit tests no graph. -#}
  {% for id in model.depends_on.nodes | sort if graph.nodes and not id.startswith('source.') %}
    {% do texts.append(graph.nodes[id].raw_code) %}
  {% endfor %}
  {% for name in config.get('meta').get('vars', []) %}
    {% do texts.append(tojson(var(name))) %}
  {% endfor %}
  {% do return(local_md5(texts | join('\n'))) %}
{% endmacro %}
