{#-
What belongs here: the rules a set of KPIs must keep. They run before every dbt run (`on-run-start`) and name the KPI and the rule. The rules take
plain dictionaries, so tests can hand them any set of KPIs.
-#}

{% macro kpi_meta_keys() %}
  {#- Every key a KPI must fill. The optional keys are paired_with, north_star_of, windows, requires, requires_reason and
  not_in_metricflow. -#}
  {% do return([
    'label_en', 'label_fr', 'formula', 'formula_fr', 'unit', 'direction', 'cadences', 'dimensions', 'owner', 'decision', 'decision_fr', 'timing',
    'nature', 'aarrr', 'funnel_stage', 'objective', 'additivity', 'entities', 'vanity', 'dashboards', 'late_days',
  ]) %}
{% endmacro %}

{% macro kpi_meta_choices() %}
  {% do return({
    'unit': ['count', 'ratio', 'currency', 'days', 'currency_per_day', 'multiple'],
    'direction': ['up', 'down'],
    'timing': ['leading', 'lagging'],
    'nature': ['activity', 'impact'],
    'aarrr': ['acquisition', 'activation', 'retention', 'referral', 'revenue'],
    'additivity': ['additive', 'ratio_of_sums', 'distinct', 'snapshot', 'distribution', 'composite'],
  }) %}
{% endmacro %}

{% macro kpi_governance_violations(kpis, profiles) %}
  {#- kpis: {name: meta}; profiles: business profiles. Returns one sentence per violation. -#}
  {% set found = [] %}
  {% for name, meta in kpis.items() %}
    {% for key in kpi_meta_keys() %}
      {% set value = meta.get(key) %}
      {% set may_be_empty = key in ['dimensions', 'vanity', 'dashboards', 'late_days'] %}
      {% if key not in meta or (not may_be_empty and not value) %}
        {% do found.append("KPI '" ~ name ~ "': incomplete meta: '" ~ key ~ "' is missing") %}
      {% endif %}
    {% endfor %}
    {% for key, choices in kpi_meta_choices().items() if meta.get(key) and meta[key] not in choices %}
      {% do found.append("KPI '" ~ name ~ "': invalid meta: '" ~ key ~ "' is '" ~ meta[key] ~ "', not one of " ~ choices | join(', ')) %}
    {% endfor %}
    {% for cadence in meta.get('cadences') or [] if cadence not in ['day', 'week', 'month', 'quarter', 'year'] %}
      {% do found.append("KPI '" ~ name ~ "': invalid meta: unknown cadence '" ~ cadence ~ "'") %}
    {% endfor %}
    {% if meta.get('north_star_of') and meta.north_star_of not in profiles %}
      {% do found.append("KPI '" ~ name ~ "': north star of '" ~ meta.north_star_of ~ "', which is not a business profile (var kpi_profiles)") %}
    {% endif %}
    {% if meta.get('vanity') %}
      {% set partner = kpis.get(meta.get('paired_with')) %}
      {% if partner is none or partner.get('vanity') %}
        {% do found.append("KPI '" ~ name ~ "': vanity KPI unpaired: 'paired_with' must name a KPI that is not one") %}
      {% else %}
        {% for dashboard in meta.get('dashboards') or [] if dashboard not in (partner.get('dashboards') or []) %}
          {% do found.append("KPI '" ~ name ~ "': vanity KPI unpaired: '" ~ meta.paired_with ~ "' is not on dashboard '" ~ dashboard ~ "'") %}
        {% endfor %}
      {% endif %}
    {% endif %}
  {% endfor %}

  {% for profile in profiles %}
    {% set stars = [] %}
    {% for name, meta in kpis.items() if meta.get('north_star_of') == profile %}
      {% do stars.append(name) %}
    {% endfor %}
    {% if stars | length != 1 %}
      {% do found.append("Profile '" ~ profile ~ "': exactly one North Star: found " ~ (stars | join(', ') or 'none')) %}
    {% endif %}
  {% endfor %}

  {% set dashboards = {} %}
  {% for name, meta in kpis.items() %}
    {% for dashboard in meta.get('dashboards') or [] %}
      {% do dashboards.setdefault(dashboard, []).append(name) %}
    {% endfor %}
  {% endfor %}
  {% for dashboard, names in dashboards.items() %}
    {% set most = 5 if dashboard == 'vision' else 7 %}
    {% if names | length > most %}
      {% do found.append("Dashboard '" ~ dashboard ~ "': at most " ~ most ~ " KPIs: has " ~ names | length ~ ": " ~ names | join(', ')) %}
    {% endif %}
    {% set activity = [] %}
    {% for name in names if kpis[name].get('nature') != 'impact' %}
      {% do activity.append(name) %}
    {% endfor %}
    {% if (names | length - activity | length) * 10 < names | length * 7 %}
      {% do found.append("Dashboard '" ~ dashboard ~ "': at least 70 % impact KPIs: has " ~ (names | length - activity | length) ~ " of "
        ~ names | length ~ "; activity: " ~ activity | join(', ')) %}
    {% endif %}
  {% endfor %}
  {% do return(found) %}
{% endmacro %}

{% macro assert_kpi_governance(kpis=none, profiles=none) %}
  {% if execute %}
    {% set declared = kpis or {} %}
    {% if kpis is none %}
      {% for name in kpi_names() %}
        {% do declared.update({name: kpi_metric(name).config.meta}) %}
      {% endfor %}
    {% endif %}
    {% set found = kpi_governance_violations(declared, var('kpi_profiles') if profiles is none else profiles) %}
    {% if found %}
      {% do exceptions.raise_compiler_error('KPI governance:\n- ' ~ found | join('\n- ')) %}
    {% endif %}
  {% endif %}
{% endmacro %}
