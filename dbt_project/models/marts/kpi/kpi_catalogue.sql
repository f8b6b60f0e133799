{% do kpi_depends_on() %}

with kpis as (

    {{ kpi_catalogue_rows() }}

),

benchmarks as (

    -- One reference per KPI: the newest year, then the first sector by name.
    select
        kpi,
        sector,
        benchmark_year,
        value,
        source_name,
        row_number() over (partition by kpi order by benchmark_year desc, sector asc, source_name asc) as recency
    from {{ ref('stg_spreadsheets__benchmarks') }}

),

final as (

    select
        kpis.kpi,
        kpis.label_en,
        kpis.label_fr,
        kpis.description,
        kpis.formula,
        kpis.formula_fr,
        kpis.unit,
        case when kpis.unit in ('currency', 'currency_per_day') then '{{ reporting_currency() }}' end as currency,
        kpis.direction,
        kpis.cadences,
        kpis.dimensions,
        kpis.owner,
        kpis.decision,
        kpis.decision_fr,
        kpis.timing,
        kpis.nature,
        kpis.aarrr as aarrr_stage,
        kpis.funnel_stage,
        kpis.objective,
        kpis.additivity,
        kpis.entities as source_entities,
        kpis.is_vanity,
        kpis.paired_with,
        kpis.north_star_of,
        kpis.dashboards,
        kpis.late_days,
        kpis.not_in_metricflow,
        cast(benchmarks.value as double) as benchmark,
        benchmarks.sector as benchmark_sector,
        benchmarks.benchmark_year,
        benchmarks.source_name as benchmark_source,
        kpis.definition_version
    from kpis
    left join benchmarks
        on kpis.kpi = benchmarks.kpi and benchmarks.recency = 1

)

select * from final
