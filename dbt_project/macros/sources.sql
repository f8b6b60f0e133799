{#-
Which sources are on, and what they have in common. A source gives entities: staging models of one shape, whichever vendor stands
behind them. `all_of` is all of an entity, from every source that is on; a source that is off is not read, and its models are not
part of the project.
-#}
{% macro enabled_sources() %}
  {%- do return(env_var('KPILOTE_SOURCES', 'hubspot,ga4,mailchimp').replace(' ', '').split(',')) -%}
{% endmacro %}

{#- Kinds of sources, with every vendor of the kind. -#}
{% macro vendors(kind) %}
  {%- do return({
      'crm': ['hubspot', 'salesforce', 'pipedrive'],
      'analytics': ['ga4', 'matomo'],
      'email': ['mailchimp', 'brevo', 'klaviyo'],
  }[kind]) -%}
{% endmacro %}

{#- Vendors of a kind that are on, in the order in which KPILOTE_SOURCES names them. -#}
{% macro vendors_on(kind) %}
  {%- do return(enabled_sources() | select('in', vendors(kind)) | list) -%}
{% endmacro %}

{#- Every vendor that is on. Without any there is nothing to build. -#}
{% macro apis_on() %}
  {%- set names = vendors_on('crm') + vendors_on('analytics') + vendors_on('email') -%}
  {%- if not names -%}
    {%- do exceptions.raise_compiler_error('KPILOTE_SOURCES names no CRM, analytics or email source: nothing can be built') -%}
  {%- endif -%}
  {%- do return(names) -%}
{% endmacro %}

{#-
Every vendor that is still pulled: how far the lake reaches is theirs to say. Of one that KPILOTE_FROZEN_SOURCES names, what the lake
holds counts on. Where nothing is pulled any more, every one that is on.
-#}
{% macro apis_pulled() %}
  {%- set frozen = env_var('KPILOTE_FROZEN_SOURCES', '').replace(' ', '').split(',') -%}
  {%- do return((apis_on() | reject('in', frozen) | list) or apis_on()) -%}
{% endmacro %}

{#-
The entities: which kind of source gives them, and their columns. A model `stg_<source>__<entity>` (or `int_…`, where one stands
between) gives exactly these. Ids are those of the vendor with the source before them (`record_id`), so that two vendors never meet
by chance; hashes and browsers are ids of nobody's making and meet on purpose.
-#}
{% macro entity(name) %}
  {%- do return({
      'contacts': {'kind': 'crm', 'columns': {
          'contact_id': 'varchar', 'owner_id': 'varchar', 'merged_ids': 'varchar[]', 'email_hash': 'varchar',
          'email_hashes': 'varchar[]', 'client_id': 'varchar', 'user_key_hash': 'varchar', 'country': 'varchar',
          'lead_source': 'varchar', 'lifecycle_stage': 'varchar', 'segment': 'varchar', 'employees': 'integer', 'is_role_address': 'boolean', 'is_test': 'boolean',
          'is_archived': 'boolean', 'lead_at': 'timestamp', 'mql_at': 'timestamp', 'sql_at': 'timestamp', 'opportunity_at': 'timestamp',
          'customer_at': 'timestamp', 'created_at': 'timestamp', 'updated_at': 'timestamp',
      }},
      'companies': {'kind': 'crm', 'columns': {
          'company_id': 'varchar', 'merged_ids': 'varchar[]', 'name': 'varchar', 'domain': 'varchar', 'country': 'varchar',
          'industry': 'varchar', 'segment': 'varchar', 'employees': 'integer', 'is_archived': 'boolean', 'created_at': 'timestamp',
          'updated_at': 'timestamp',
      }},
      'deals': {'kind': 'crm', 'columns': {
          'deal_id': 'varchar', 'owner_id': 'varchar', 'imported_id': 'varchar', 'pipeline_id': 'varchar', 'stage_id': 'varchar', 'name': 'varchar',
          'lost_reason': 'varchar', 'partner': 'varchar', 'currency': 'varchar', 'amount': 'decimal(18, 2)',
          'recurring_amount': 'decimal(18, 2)', 'is_archived': 'boolean', 'created_at': 'timestamp', 'updated_at': 'timestamp',
      }},
      'stages': {'kind': 'crm', 'columns': {
          'pipeline_id': 'varchar', 'stage_id': 'varchar', 'label': 'varchar', 'display_order': 'integer', 'is_closed': 'boolean',
          'is_won': 'boolean',
      }},
      'history': {'kind': 'crm', 'columns': {
          'object_type': 'varchar', 'object_id': 'varchar', 'property': 'varchar', 'value': 'varchar', 'changed_at': 'timestamp',
      }},
      'links': {'kind': 'crm', 'columns': {
          'from_type': 'varchar', 'from_id': 'varchar', 'to_type': 'varchar', 'to_id': 'varchar', 'position': 'integer',
      }},
      'owners': {'kind': 'crm', 'columns': {
          'owner_id': 'varchar', 'first_name': 'varchar', 'last_name': 'varchar', 'team': 'varchar', 'is_archived': 'boolean',
      }},
      'meetings': {'kind': 'crm', 'columns': {
          'meeting_id': 'varchar', 'owner_id': 'varchar', 'kind': 'varchar', 'outcome': 'varchar', 'archived_at': 'timestamp',
          'created_at': 'timestamp', 'starts_at': 'timestamp',
      }},
      'calls': {'kind': 'crm', 'columns': {
          'call_id': 'varchar', 'owner_id': 'varchar', 'disposition': 'varchar', 'is_archived': 'boolean', 'created_at': 'timestamp',
          'starts_at': 'timestamp',
      }},
      'emails': {'kind': 'crm', 'columns': {
          'email_id': 'varchar', 'owner_id': 'varchar', 'direction': 'varchar', 'is_archived': 'boolean', 'created_at': 'timestamp',
          'sent_at': 'timestamp',
      }},
      'session_parts': {'kind': 'analytics', 'layer': 'int', 'day': 'event_date', 'told_by': {'ga4': 'events', 'matomo': 'visits'}, 'columns': {
          'load_id': 'varchar', 'event_date': 'date', 'client_id': 'varchar', 'session_id': 'bigint', 'user_id_hash': 'varchar',
          'source': 'varchar', 'medium': 'varchar', 'campaign': 'varchar', 'content': 'varchar', 'country': 'varchar', 'device': 'varchar',
          'landing_page': 'varchar', 'referrer': 'varchar', 'click_id': 'varchar', 'page_views': 'bigint', 'engagement_ms': 'bigint', 'key_events': 'bigint',
          'started_at': 'timestamp', 'session_date': 'date', 'made_by': 'varchar',
      }},
      'order_events': {'kind': 'analytics', 'day': 'event_date', 'told_by': {'ga4': 'events', 'matomo': 'goal_conversions'}, 'columns': {
          'event_date': 'date', 'order_id': 'varchar', 'client_id': 'varchar', 'action': 'varchar', 'currency': 'varchar',
          'value': 'decimal(18, 2)', 'ordinal': 'bigint', 'occurred_at': 'timestamp',
      }},
      'email_campaigns': {'kind': 'email', 'columns': {'campaign_id': 'varchar', 'campaign': 'varchar', 'sent_at': 'timestamp'}},
      'email_sends': {'kind': 'email', 'columns': {
          'load_id': 'varchar', 'filed_day': 'date', 'campaign_id': 'varchar', 'email_hash': 'varchar', 'status': 'varchar',
      }},
      'email_activity': {'kind': 'email', 'layer': 'int', 'columns': {
          'load_id': 'varchar', 'filed_day': 'date', 'campaign_id': 'varchar', 'email_hash': 'varchar', 'action': 'varchar',
          'url': 'varchar', 'ordinal': 'bigint', 'is_machine': 'boolean', 'occurred_at': 'timestamp', 'made_by': 'varchar',
      }},
      'email_unsubscribes': {'kind': 'email', 'columns': {
          'load_id': 'varchar', 'filed_day': 'date', 'campaign_id': 'varchar', 'email_hash': 'varchar', 'occurred_at': 'timestamp',
      }},
  }[name]) -%}
{% endmacro %}

{#- Names of the models that give an entity. -#}
{% macro models_of(name) %}
  {%- set layer = entity(name).get('layer', 'stg') -%}
  {%- set names = [] -%}
  {%- for source_name in vendors_on(entity(name).kind) -%}
    {%- do names.append(layer ~ '_' ~ source_name ~ '__' ~ name) -%}
  {%- endfor -%}
  {%- do return(names) -%}
{% endmacro %}

{#- Names of all models that `all_of` reads. -#}
{% macro models_behind(name) %}
  {%- set names = models_of(name) -%}
  {%- for source_name in vendors_on(entity(name).kind)[:-1] if entity(name).get('told_by') -%}
    {%- do names.append('stg_' ~ source_name ~ '__windows') -%}
  {%- endfor -%}
  {%- do return(names) -%}
{% endmacro %}

{#- All of an entity, to select from: one vendor's model as it is, several as their union, none as no rows. -#}
{% macro all_of(name) -%}
  {%- set models, columns = models_of(name), entity(name).columns -%}
  {%- if models | length == 1 -%}
    {{ ref(models[0]) }}
  {%- else -%}
    (
        {%- for each in models %}
        select {{ columns | join(', ') }}
        from {{ ref(each) }} as {{ each }}
        {{ of_days_nobody_before_tells(name, each, models[:loop.index0]) }}
        {{ 'union all' if not loop.last }}
        {%- else %}
        select {% for column, type in columns.items() %}{{ typed_null(type) }} as {{ column }}{{ ', ' if not loop.last }}{% endfor %}
        where 1 = 0
        {%- endfor %}
    )
  {%- endif -%}
{%- endmacro %}

{#-
Two analytics tools count one visit twice: a day is told by the first of them, in the order of KPILOTE_SOURCES, that was pulled for
it. `told_by` says of which table of a source.
-#}
{% macro of_days_nobody_before_tells(name, model_name, before) %}
  {%- set told_by = entity(name).get('told_by') -%}
  {%- for earlier in before if told_by %}
    {%- set source_name = earlier.split('__')[0].split('_', 1)[1] %}
        {{ 'where' if loop.first else 'and' }} not exists (
            select 1
            from {{ ref('stg_' ~ source_name ~ '__windows') }} as windows
            where
                windows.table_name = '{{ told_by[source_name] }}'
                and {{ model_name }}.{{ entity(name).day }} >= windows.window_start
                and {{ model_name }}.{{ entity(name).day }} < windows.window_end
        )
  {%- endfor -%}
{% endmacro %}

{#- An id of a vendor's as it is known outside staging; null stays null. -#}
{% macro record_id(source_name, column) -%}
    '{{ source_name }}:' || {{ column }}
{%- endmacro %}

{#- The company a customer of the billing export is: its id in the CRM, of the first one where the file does not say of which. -#}
{% macro customer_company(column) -%}
    case
        when {{ column }} like '%:%' then {{ column }}
        else {{ record_id((vendors_on('crm') or ['(none)'])[0], column) }}
    end
{%- endmacro %}

{#- The record that a record is a copy of, where its CRM keeps that: `source:id`, or an id of the first other CRM that is on. -#}
{% macro imported_id(source_name, column) -%}
    {%- set others = vendors_on('crm') | reject('equalto', source_name) | list -%}
    case
        when {{ column }} like '%:%' then {{ column }}
        {%- if others %}
        else {{ record_id(others[0], column) }}
        {%- endif %}
    end
{%- endmacro %}

{#- The instant from which the CRM of a record is no longer read (var crm_until); null where it is read on. -#}
{% macro read_until(id_column) -%}
    {%- set until = var('crm_until') -%}
    {%- if until -%}
    case {{ dbt.split_part(id_column, "':'", 1) }}
        {%- for name, day in until.items() %}
        when '{{ name }}' then {{ reporting_midnight("date '" ~ day ~ "'") }}
        {%- endfor %}
    end
    {%- else -%}
    cast(null as timestamp)
    {%- endif -%}
{%- endmacro %}
