with complete as (

    select
        *,
        row_number() over (partition by kpi, cadence order by period_start desc) as recency
    from {{ ref('kpi_values') }}
    where dimension = 'total' and period_status <> 'open'

),

final as (

    select
        complete.kpi,
        complete.cadence,
        catalogue.label_en,
        catalogue.label_fr,
        complete.period_start,
        complete.period_end,
        complete.value,
        complete.unit,
        complete.currency,
        complete.null_reason,
        complete.target,
        complete.status,
        complete.previous_value,
        complete.change_ratio,
        complete.year_ago_value,
        complete.year_ago_change_ratio,
        catalogue.direction,
        catalogue.timing,
        catalogue.nature,
        catalogue.owner,
        catalogue.decision,
        catalogue.decision_fr,
        catalogue.north_star_of,
        catalogue.dashboards,
        catalogue.is_vanity,
        catalogue.paired_with,
        complete.period_status,
        complete.data_through,
        complete.definition_version,
        complete.refreshed_at
    from complete
    inner join {{ ref('kpi_catalogue') }} as catalogue on complete.kpi = catalogue.kpi
    where complete.recency = 1

)

select * from final
