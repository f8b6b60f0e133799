with parts as (

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
        definition_version,
        refreshed_at,
        last_day
    from {{ ref('kpi_values_' ~ cadence) }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {% endfor %}
),

-- How far the data reached when a cadence was last refreshed: its newest period ends there, whole or not.
reached as (

    select
        cadence,
        max(last_day) as data_through
    from parts
    group by cadence

),

final as (

    select
        parts.kpi,
        parts.cadence,
        parts.period_start,
        parts.period_end,
        parts.dimension,
        parts.dimension_value,
        parts.value,
        parts.numerator,
        parts.denominator,
        parts.unit,
        parts.currency,
        parts.null_reason,
        parts.target,
        parts.status,
        parts.previous_value,
        parts.change_ratio,
        parts.year_ago_value,
        parts.year_ago_change_ratio,
        parts.period_status,
        reached.data_through,
        parts.definition_version,
        parts.refreshed_at
    from parts
    inner join reached on parts.cadence = reached.cadence

)

select * from final
