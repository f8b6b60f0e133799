{#-
Which months of a table are stale, and which rows of its inputs they are made of. Nobody is told what changed: every month of
an input has a digest of its rows, and a month whose inputs have other digests than those it was made of is computed again.
`month_states` keeps, beside the tables, what each month was made of and a digest of its rows. It is written in the transaction
that writes the months; while a table is built whole, nothing is known of it.

A model with the materialization table_by_month says in config.meta:

  month_of    the date or timestamp column that tells a row's month; rows without one are a month of their own
  made_of     its inputs: {model: {days_before, days_after}}. What an input says of a month is read for that month, and for those
              that so many days before and after it reach. Without made_of the table is computed whole.
  looked_up   tables that say one thing per key: {model: {by: [...], columns: [...]}}. A month that holds a row whose columns are
              not what the table says of its key now is stale, too.

Whatever else such a model reads must be a seed, or something that an input says it stands for (config.meta.stands_for): a table
of which loads and days some others hold, with every column that is read of them. An input that is no table_by_month says
month_of in its own config.meta, and is read whole for its digests, so it should be small.
-#}

{% macro month_states() %}
  {%- do return(api.Relation.create(database=target.database, schema='intermediate', identifier='month_states')) -%}
{% endmacro %}

{% macro create_month_states() %}
    create schema if not exists {{ month_states().without_identifier() }};
    create table if not exists {{ month_states() }} (
        table_name {{ dbt.type_string() }},
        month date,
        made_by {{ dbt.type_string() }},
        made_of {{ dbt.type_string() }},
        digest {{ dbt.type_string() }}
    )
    {%- if execute %};
    delete from {{ month_states() }}
    where table_name not in {{ in_list(graph.nodes.values() | selectattr('config.materialized', 'equalto', 'table_by_month') | map(attribute='name') | list) }}
    {%- endif %}
{% endmacro %}

{#- What the project says of a model. -#}
{% macro model_node(name) %}
  {%- do return(graph.nodes['model.' ~ project_name ~ '.' ~ name]) -%}
{% endmacro %}

{#- A temporary table of the model that is built: its months by what is asked of them. -#}
{% macro months_of_model(asked) %}
  {%- do return(adapter.quote(model.name ~ '__' ~ asked)) -%}
{% endmacro %}

{% macro stale_months() -%} select month from {{ months_of_model('stale') }} {%- endmacro %}

{#- SQL of the first day of the month a row belongs to. -#}
{% macro month_of(column) -%}
    coalesce({{ period_start(column, 'month') }}, date '0001-01-01')
{%- endmacro %}

{#- Condition on the rows of an input: those that stale months are made of. All of them where nothing is held. -#}
{% macro in_stale_months(input) -%}
    {%- if not execute -%}
    {%- do ref(input) -%}
    {%- endif -%}
    {%- if execute and model.config.materialized == 'table_by_month' and is_held() -%}
    {{ month_of(model_node(input).config.meta.month_of) }} in (
        select reach.input_month from {{ months_of_model('reach') }} as reach where reach.input = '{{ input }}'
    )
    {%- else -%}
    {{ everything() }}
    {%- endif -%}
{%- endmacro %}

{% macro everything() -%} 1 = 1 {%- endmacro %}

{#- Whether it is known what a table's months hold and were made of, and that this made them. -#}
{% macro is_known(name, made_by=none) %}
  {%- if load_cached_relation(month_states()) is none -%}
    {%- do return(false) -%}
  {%- endif -%}
  {%- set known = run_query(
      "select count(*) from " ~ month_states() ~ " where table_name = '" ~ name ~ "'"
      ~ (" and made_by = '" ~ made_by ~ "'" if made_by else "")
  ) -%}
  {%- do return(known.columns[0].values()[0] > 0) -%}
{% endmacro %}

{#- Whether the model's own table is there, and known. All its months are made by the same. -#}
{% macro is_held(made_by=none) %}
  {%- set held = load_cached_relation(this) -%}
  {%- do return(held is not none and held.type == 'table' and not should_full_refresh() and is_known(model.name, made_by)) -%}
{% endmacro %}

{#- Digest of what makes the rows, apart from what the inputs hold: SQL as it is rendered, that of the models it reads, seeds, the contract. -#}
{% macro made_by_month() %}
  {%- set meta = config.get('meta') -%}
  {%- set inputs = meta.get('made_of', {}) -%}
  {%- set declared = inputs.keys() | list + meta.get('looked_up', {}).keys() | list -%}
  {%- set sql = namespace(text=compiled_code) -%}
  {%- for input in inputs -%}
    {%- set sql.text = sql.text | replace(in_stale_months(input), everything()) -%}
    {%- do declared.extend(model_node(input).config.meta.get('stands_for', [])) -%}
  {%- endfor -%}
  {%- set texts = [sql.text, meta | string, model.constraints | string] -%}
  {%- for column in model.columns.values() -%}
    {%- do texts.append([column.name, column.data_type, column.constraints | string] | string) -%}
  {%- endfor -%}
  {%- for id in model.depends_on.nodes | sort -%}
    {%- set node = graph.nodes[id] -%}
    {%- if node.resource_type == 'seed' -%}
      {%- set seed = adapter.get_relation(node.database, node.schema, node.alias) -%}
      {%- do texts.append(run_query("select " ~ digested(seed)).columns[0].values()[0]) -%}
    {%- elif inputs and node.name not in declared -%}
      {%- do exceptions.raise_compiler_error(model.name ~ ' reads ' ~ node.name ~ ': say in its meta what it is made_of, or looks up') -%}
    {%- else -%}
      {%- do texts.append(node.raw_code) -%}
    {%- endif -%}
  {%- endfor -%}
  {%- do return(local_md5(texts | join('\n'))) -%}
{% endmacro %}

{#- Months of a relation with a digest of the rows of each, and of what its columns are called. -#}
{% macro months_digested(relation, column) %}
    select {{ month_of(column) }} as month, {{ digested(relation) }}
    group by all
{% endmacro %}

{#- `… as digest from …`: of the rows, whatever order they and their columns stand in. -#}
{% macro digested(relation) %}
  {%- set columns = adapter.get_columns_in_relation(relation) | sort(attribute='name') -%}
  {%- set texts = columns | selectattr('dtype', 'equalto', 'VARCHAR') | map(attribute='quoted') | list -%}
    concat({{ rows_digest('each', texts) }}, ' {{ local_md5(columns | map('string') | join) }}') as digest
    from (select {{ columns | map(attribute='quoted') | join(', ') }} from {{ relation }}) as each
{%- endmacro %}

{#-
Temporary tables of a model with inputs. `<model>__made`: every month and a digest of what it is made of now; `<model>__stale`:
the months that are made of something else, or look something else up; `<model>__reach`: which months of which inputs those are
made of.
-#}
{% macro find_stale_months(target) %}
  {%- set meta = config.get('meta') -%}
  {%- set reach, made, stale = [months_of_model('reach'), months_of_model('made'), months_of_model('stale')] -%}
  {%- set spans -%}
    (
        {%- for input, days in meta.made_of.items() %}
        {%- set node = model_node(input) %}
        {{ 'union all' if not loop.first }}
        select
            '{{ input }}' as input,
            months.month as input_month,
            months.digest,
            {{ add_days('months.month', -(days.days_before or 0)) }} as first_day,
            {{ add_days(dbt.last_day('months.month', 'month'), (days.days_after or 0)) }} as last_day
        from (
            {%- if node.config.materialized == 'table_by_month' and is_known(input) %}
            select month, digest
            from {{ month_states() }}
            where table_name = '{{ input }}' and digest is not null
            {%- else %}
            {{ months_digested(ref(input), node.config.meta.month_of) }}
            {%- endif %}
        ) as months
        {%- endfor %}
    ) as spans
  {%- endset %}
    create or replace temporary table {{ reach }} as
    select distinct input, input_month, digest, {{ period_start('date_day', 'month') }} as month
    from ({{ span_days(spans, ['input', 'input_month', 'digest'], 'first_day', 'last_day') }}) as days;
    create or replace temporary table {{ made }} as
    select month, {{ rows_digest('inputs', ['input', 'digest']) }} as digest
    from {{ reach }} as inputs
    group by month;
    create or replace temporary table {{ stale }} as
    select coalesce(made.month, held.month) as month
    from {{ made }} as made
    full outer join (select month, made_of from {{ month_states() }} where table_name = '{{ model.name }}') as held
    on made.month = held.month
    where made.digest is distinct from held.made_of
    {%- if is_held() %}
    {%- for table, lookup in meta.get('looked_up', {}).items() %}
    union
    select {{ month_of('held.' ~ meta.month_of) }} as month
    from {{ target }} as held
    left join {{ ref(table) }} as said
    on {% for key in lookup.by %}{{ 'and ' if not loop.first }}held.{{ key }} = said.{{ key }} {% endfor %}
    where {% for column in lookup.columns %}{{ 'or ' if not loop.first }}held.{{ column }} is distinct from said.{{ column }} {% endfor %}
    {%- endfor %}
    {%- endif %};
    delete from {{ reach }} where month not in ({{ stale_months() }})
{% endmacro %}

{#- Write down what months are made of and what they hold; `rows` are theirs. All months of the table, or the stale ones. -#}
{% macro remember_months(rows, made_by) %}
  {%- set meta = config.get('meta') -%}
    delete from {{ month_states() }}
    where table_name = '{{ model.name }}' {{ 'and month in (' ~ stale_months() ~ ')' if meta.get('made_of') }};
    insert into {{ month_states() }} (table_name, month, made_by, made_of, digest)
    select
        '{{ model.name }}' as table_name,
        {%- if meta.get('made_of') %}
        made.month,
        '{{ made_by }}' as made_by,
        made.digest as made_of,
        said.digest
    from {{ months_of_model('made') }} as made
    left join ({{ rows }}) as said on made.month = said.month
    where made.month in ({{ stale_months() }})
        {%- else %}
        said.month,
        '{{ made_by }}' as made_by,
        null as made_of,
        said.digest
    from ({{ rows }}) as said
        {%- endif %}
{% endmacro %}
