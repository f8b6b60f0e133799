{% for cadence in kpi_cadences() -%}
select
    kpi,
    cadence,
    period_start,
    period_end,
    dimension,
    dimension_value,
    value,
    numerator,
    denominator,
    unit,
    currency,
    null_reason,
    target,
    status,
    previous_value,
    change_ratio,
    year_ago_value,
    year_ago_change_ratio,
    period_status,
    data_through,
    definition_version,
    refreshed_at
from {{ ref('kpi_values_' ~ cadence) }}
{% if not loop.last -%}
union all
{% endif -%}
{% endfor %}
