{#-
What belongs here: the settings of attribution (vars attribution_*) with the rules they must keep, and what models ask of them. A wrong
setting stops dbt before it runs anything, and the error names the setting and the mend.
-#}

{% macro conversion_types() %}
  {% do return(['lead', 'mql', 'opportunity', 'customer', 'order']) %}
{% endmacro %}

{#-
Types that anything converted to; all of them while nothing has. A company that takes no orders is told neither what orders cost nor who
placed none. With the first conversion of a type the SQL is another, and the table is made anew.
-#}
{% macro converting_types(credits) %}
  {% set held = load_cached_relation(credits) if execute else none %}
  {% if held is none %}
    {% do return(conversion_types()) %}
  {% endif %}
  {% set found = run_query('select distinct conversion_type from ' ~ held).columns[0].values() %}
  {% do return(conversion_types() | select('in', found) | list or conversion_types()) %}
{% endmacro %}

{% macro touch_types() %}
  {% do return(['session', 'email_click', 'meeting', 'call', 'event', 'partner_referral', 'offline']) %}
{% endmacro %}

{#- Sets of touches that paths are made of, so that each is numbered once: [{touches, conversion_types, has_company_paths}]. -#}
{% macro touch_sets() %}
  {% set sets = {} %}
  {% for type, settings in attribution_settings().attribution_conversions.items() %}
    {% set touches = settings.touches | sort %}
    {% set found = sets.setdefault(touches | join(' '), {'touches': touches, 'conversion_types': [], 'has_company_paths': false}) %}
    {% do found.conversion_types.append(type) %}
    {% if settings.paths_of == 'company' %}{% do found.update({'has_company_paths': true}) %}{% endif %}
  {% endfor %}
  {% do return(sets.values() | list) %}
{% endmacro %}

{#- Whose touches a conversion's path is made of: its person's, or its company's where paths are and there is one. -#}
{% macro path_owner(conversion_type, company_id, person_id) -%}
    {%- set types = [] -%}
    {%- for type, settings in attribution_settings().attribution_conversions.items() if settings.paths_of == 'company' -%}
        {%- do types.append(type) -%}
    {%- endfor -%}
    {%- if types -%}
    case
        when {{ company_id }} is not null and {{ conversion_type }} in {{ in_list(types) }}
            then {{ company_owner(company_id) }}
        else {{ person_id }}
    end
    {%- else -%}
    {{ person_id }}
    {%- endif -%}
{%- endmacro %}

{#- Ids of persons and companies may be the same. -#}
{% macro company_owner(company_id) -%} concat('company:', {{ company_id }}) {%- endmacro %}

{#- Who ordered on a browser that is nobody's: a person of whom nothing else is known. Null where there is no browser. -#}
{% macro browser_person(client_id) -%} 'browser:' || {{ client_id }} {%- endmacro %}

{#- A person's touches of some kinds are numbered without the others; those of all kinds are already. -#}
{% macro touch_number_in(touch_number, touches) -%}
    {%- if touches | length == touch_types() | length -%}
    {{ touch_number }}
    {%- else -%}
    row_number() over (partition by person_id order by {{ touch_number }})
    {%- endif -%}
{%- endmacro %}

{#- The touches of each set by whose paths they are in, numbered in their order. `touchpoints` is a relation like fct_touchpoints. -#}
{% macro touches_by_owner(touchpoints) %}
    {% for set in touch_sets() %}
    select
        {{ loop.index }} as touch_set,
        person_id as owner_id,
        person_id,
        company_id,
        touch_id,
        touched_at,
        channel,
        campaign,
        {{ touch_number_in('touch_number', set.touches) }} as touch_number
    from {{ touchpoints }}
    where touch_type in {{ in_list(set.touches) }}
    {% if set.has_company_paths -%}
    union all
    select
        {{ loop.index }} as touch_set,
        {{ company_owner('company_id') }} as owner_id,
        person_id,
        company_id,
        touch_id,
        touched_at,
        channel,
        campaign,
        row_number() over (partition by company_id order by touched_at, touch_id) as touch_number
    from {{ touchpoints }}
    where company_id is not null and touch_type in {{ in_list(set.touches) }}
    {% endif -%}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- A conversion type's lookback in microseconds. -#}
{% macro lookback_microseconds(conversion_type) %}
  {% do return((attribution_settings().attribution_conversions[conversion_type].lookback_days | float * 86400000000) | round | int) %}
{% endmacro %}

{#- One of the settings of a row's conversion type, as text. -#}
{% macro setting_of_conversion(conversion_type, name) -%}
    case {{ conversion_type }}
        {%- for type, settings in attribution_settings().attribution_conversions.items() %}
        when '{{ type }}' then '{{ settings[name] }}'
        {%- endfor %}
    end
{%- endmacro %}

{#- Whether an instant lies no further after another one than a path reaches back (in microseconds). -#}
{% macro within_lookback(earlier, later, lookback) -%}
    ({{ later }} >= {{ earlier }} and {{ epoch_microseconds(later) }} - {{ epoch_microseconds(earlier) }} <= {{ lookback }})
{%- endmacro %}

{#- Whole days that a path may reach back at most; an instant and its reporting date are less than a day apart. -#}
{% macro path_reach_days() %}
  {% set days = attribution_settings().attribution_conversions.values() | map(attribute='lookback_days') | map('float') | max %}
  {% do return(1 + days | round(0, 'ceil') | int) %}
{% endmacro %}

{#- Whether a path begins after the conversion of the same type before it. -#}
{% macro paths_begin_after_conversions() %}
  {% do return(attribution_settings().attribution_paths == 'since_previous_conversion') %}
{% endmacro %}

{#- A hundred years at most; neither YAML's .nan nor .inf is days. -#}
{% macro is_days(given) %}
  {% do return(given is number and 0 < given <= 36500) %}
{% endmacro %}
{% macro days_wanted() %}
  {% do return('a number of days above 0, at most 36500') %}
{% endmacro %}

{% macro conversion_violations(conversions) %}
  {% if conversions is not mapping %}
    {% do return(["attribution_conversions: is '" ~ conversions ~ "': settings for each of " ~ conversion_types() | join(', ')]) %}
  {% endif %}
  {% set found = [] %}
  {% for type in conversion_types() if type not in conversions %}
    {% do found.append("attribution_conversions." ~ type ~ ": is missing: each of " ~ conversion_types() | join(', ') ~ " has its settings") %}
  {% endfor %}
  {% for type, given in conversions.items() %}
    {% set name, settings = 'attribution_conversions.' ~ type, given or {} %}
    {% if type not in conversion_types() %}
      {% do found.append(name ~ ": no conversion type is called so: there are " ~ conversion_types() | join(', ')) %}
    {% endif %}
    {% for key in settings if key not in ['touches', 'lookback_days', 'paths_of'] %}
      {% do found.append(name ~ "." ~ key ~ ": no such setting: there are touches, lookback_days and paths_of") %}
    {% endfor %}
    {% if not settings.touches or settings.touches is not iterable or settings.touches is string or settings.touches | reject('in', touch_types()) | list %}
      {% do found.append(name ~ ".touches: is '" ~ settings.touches ~ "': a list of some of " ~ touch_types() | join(', ')) %}
    {% endif %}
    {% if not is_days(settings.lookback_days) %}
      {% do found.append(name ~ ".lookback_days: is '" ~ settings.lookback_days ~ "': " ~ days_wanted()) %}
    {% endif %}
    {% if settings.paths_of not in ['person', 'company'] %}
      {% do found.append(name ~ ".paths_of: is '" ~ settings.paths_of ~ "': person or company") %}
    {% endif %}
  {% endfor %}
  {% do return(found) %}
{% endmacro %}

{% macro attribution_violations(settings) %}
  {#- settings: {var: value}. Returns one sentence per violation. -#}
  {% set found = conversion_violations(settings.attribution_conversions) %}
  {% set shares = [settings.attribution_position_first, settings.attribution_position_last] %}
  {% set custom = settings.attribution_custom_weights or {} %}
  {% set roles = ['first', 'last', 'last_non_direct', 'lead', 'opportunity', 'rest'] %}
  {% if settings.attribution_paths not in ['shared', 'since_previous_conversion'] %}
    {% do found.append("attribution_paths: is '" ~ settings.attribution_paths ~ "': shared or since_previous_conversion") %}
  {% endif %}
  {% if shares | reject('number') | list or shares | min < 0 or not 0 < shares | sum <= 1 %}
    {% do found.append("attribution_position_first, attribution_position_last: are '" ~ shares | join("', '")
      ~ "': two shares of at least 0 that add up to more than 0 and at most 1") %}
  {% endif %}
  {% if not is_days(settings.attribution_half_life_days) %}
    {% do found.append("attribution_half_life_days: is '" ~ settings.attribution_half_life_days ~ "': " ~ days_wanted()) %}
  {% endif %}
  {% for role in custom if role not in roles %}
    {% do found.append("attribution_custom_weights." ~ role ~ ": no role is called so: there are " ~ roles | join(', ')) %}
  {% endfor %}
  {% if custom and (custom.values() | reject('number') | list or custom.values() | min < 0 or custom.values() | sum <= 0) %}
    {% do found.append("attribution_custom_weights: is '" ~ custom ~ "': each weight a number of at least 0, one of them above 0") %}
  {% endif %}
  {% for type in settings.attribution_repeated or [] if type not in conversion_types() %}
    {% do found.append("attribution_repeated: no conversion type is called '" ~ type ~ "': there are " ~ conversion_types() | join(', ')) %}
  {% endfor %}
  {% set counts = {
    'attribution_training_months': 1, 'attribution_minimum_conversions': 0, 'attribution_markov_order': 1, 'attribution_bootstrap': 0
  } %}
  {% for name, least in counts.items() if settings[name] is not integer or settings[name] < least %}
    {% do found.append(name ~ ": is '" ~ settings[name] ~ "': a whole number of at least " ~ least) %}
  {% endfor %}
  {% set models = rule_models() + (['custom'] if custom else []) %}
  {% if settings.kpi_attribution_model not in models %}
    {% do found.append("kpi_attribution_model: is '" ~ settings.kpi_attribution_model ~ "': one of " ~ models | join(', ')
      ~ ", or custom where attribution_custom_weights sets weights" * (not custom)) %}
  {% endif %}
  {% do return(found) %}
{% endmacro %}

{#- The settings of attribution, found right: {var: value}. -#}
{% macro attribution_settings() %}
  {% set settings = {} %}
  {% for name in [
    'attribution_conversions', 'attribution_paths', 'attribution_position_first', 'attribution_position_last', 'attribution_half_life_days',
    'attribution_custom_weights', 'attribution_repeated', 'attribution_training_months', 'attribution_minimum_conversions',
    'attribution_markov_order', 'attribution_bootstrap', 'kpi_attribution_model'
  ] %}
    {% do settings.update({name: var(name)}) %}
  {% endfor %}
  {% set found = attribution_violations(settings) %}
  {% if found %}
    {% do exceptions.raise_compiler_error('Settings of attribution (vars of dbt_project.yml):\n- ' ~ found | join('\n- ')) %}
  {% endif %}
  {% do return(settings) %}
{% endmacro %}
