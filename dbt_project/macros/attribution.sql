{#-
What belongs here: names, weights and formulas of the rule models. Who holds which role in a path is found in
attribution_credits; settings stand in attribution_settings.sql.
-#}

{#- The rule models, in the order the marts show them. `custom` is one more where weights are set. -#}
{% macro rule_models() -%}
    {{ return([
        'first_touch', 'last_touch', 'last_non_direct', 'linear', 'position_based', 'w_shaped', 'full_path', 'time_decay'
    ]) }}
{%- endmacro %}

{% macro attribution_models() -%}
    {{ return(rule_models() + (['custom'] if 'custom' in role_weights() else [])) }}
{%- endmacro %}

{#-
Models of positions (all but time_decay): what each role weighs. A touch has the weights of all roles it holds, those that hold
none share the rest, what a path lacks is made up for in proportion. (40/20/40 is thus 50/50 of two touches and 100 of one.)
-#}
{% macro role_weights() -%}
    {%- set settings = attribution_settings() -%}
    {%- set first, last = settings.attribution_position_first, settings.attribution_position_last -%}
    {%- set models = {
        'first_touch': {'first': 1},
        'last_touch': {'last': 1},
        'last_non_direct': {'last_non_direct': 1},
        'linear': {'rest': 1},
        'position_based': {'first': first, 'last': last, 'rest': (1 - first - last) | round(12)},
        'w_shaped': {'first': 0.3, 'lead': 0.3, 'opportunity': 0.3, 'rest': 0.1},
        'full_path': {'first': 0.225, 'lead': 0.225, 'opportunity': 0.225, 'last': 0.225, 'rest': 0.1},
    } -%}
    {%- if settings.attribution_custom_weights -%}
        {%- do models.update({'custom': settings.attribution_custom_weights}) -%}
    {%- endif -%}
    {{ return(models) }}
{%- endmacro %}

{#- The roles a model gives weight to, without the rest. -#}
{% macro weighed_roles(weights) -%}
    {%- set roles = [] -%}
    {%- for role, weight in weights.items() if weight and role != 'rest' -%}
        {%- do roles.append(role) -%}
    {%- endfor -%}
    {{ return(roles) }}
{%- endmacro %}

{#- How many touches of a path hold no role that weighs: a touch counts with the first of the roles it holds. -#}
{% macro touches_without_role(weights) -%}
    touches
    {%- for role in weighed_roles(weights) %} - case when {{ role }}_number not in (0
        {%- for earlier in weighed_roles(weights)[:loop.index0] %}, {{ earlier }}_number{% endfor -%}
        ) then 1 else 0 end
    {%- endfor %}
{%- endmacro %}

{#- What the roles that a path has weigh together; `others` of its touches hold none. -#}
{% macro weight_of_roles(weights, others) -%}
    case when {{ others }} > 0 then cast({{ weights.get('rest', 0) }} as double) else 0 end
    {%- for role in weighed_roles(weights) %} + case when {{ role }}_number > 0
    {{- ' ' }}then cast({{ weights[role] }} as double) else 0 end
    {%- endfor %}
{%- endmacro %}

{#- A touch's share: of the weight of a path's roles, or of a path that has none of them, equally. -#}
{% macro role_credit(weights, number, path, model) -%}
    {%- set roles = weighed_roles(weights) -%}
    {%- set whole, others = path ~ '.' ~ model ~ '_weight', path ~ '.' ~ model ~ '_others' -%}
    case
        when {{ whole }} = 0 then cast(1 as double) / {{ path }}.touches
        {%- if roles %}
        when {{ number }} in (
            {%- for role in roles %}{{ path }}.{{ role }}_number{{ ', ' if not loop.last }}{% endfor %})
            then (
                {%- for role in roles %}
                {{ '+ ' if not loop.first -}}
                case when {{ number }} = {{ path }}.{{ role }}_number then cast({{ weights[role] }} as double) else 0 end
                {%- endfor %}
            ) / {{ whole }}
        {%- endif %}
        else cast({{ weights.get('rest', 0) }} as double) / {{ others }} / {{ whole }}
    end
{%- endmacro %}

{#-
  Half as much for every half-life between touch and conversion, beside 1e15 for the path's last touch: however old a path is, it has
  weights. Whole numbers add up to the same in any order.
-#}
{% macro decay_weight(touched_at, last_touched_at) -%}
    cast(round(1e15 * power(
        cast(0.5 as double),
        {{ days_between(touched_at, last_touched_at) }} / cast({{ attribution_settings().attribution_half_life_days }} as double)
    )) as bigint)
{%- endmacro %}

{#- A share of a value in whole cents, rounded to zero; a millionth of a cent forgives what doubles cannot hold. -#}
{% macro whole_cents(value, credit) -%}
    cast(
        sign({{ value }})
        * floor(abs(cast({{ value }} as double)) * 100 * {{ credit }} + 0.000001) / 100
        as decimal(18, 2)
    )
{%- endmacro %}

{#- A channel as a step of a path in text: one that holds what paths are separated by stands in quotes. -#}
{% macro path_step(channel) -%}
    case
        when {{ channel }} like '%>%' or {{ channel }} like '%"%'
            then concat('"', replace({{ channel }}, '"', '""'), '"')
        else {{ channel }}
    end
{%- endmacro %}
