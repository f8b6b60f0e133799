-- On the same customers at the start, who left and who stayed are everybody.
select
    churn.cadence,
    churn.period_start,
    churn.dimension,
    churn.dimension_value
from {{ ref('kpi_values') }} as churn
inner join {{ ref('kpi_values') }} as retention
    on
        churn.cadence = retention.cadence
        and churn.period_start = retention.period_start
        and churn.dimension = retention.dimension
        and churn.dimension_value = retention.dimension_value
where
    churn.kpi = 'customer_churn_rate'
    and retention.kpi = 'retention_rate'
    and (
        churn.denominator <> retention.denominator
        or churn.numerator + retention.numerator <> churn.denominator
    )
