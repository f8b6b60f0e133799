with final as (

    select * from {{ ref('kpi_values_day') }}
    union all
    select * from {{ ref('kpi_values_week') }}
    union all
    select * from {{ ref('kpi_values_month') }}
    union all
    select * from {{ ref('kpi_values_quarter') }}
    union all
    select * from {{ ref('kpi_values_year') }}

)

select * from final
