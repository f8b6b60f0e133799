-- Opening MRR + movements = closing MRR, to the cent, for every period after the first.
select
    mrr.cadence,
    mrr.period_start,
    mrr.previous_value,
    movements.value as movement,
    mrr.value
from {{ ref('kpi_values') }} as mrr
inner join {{ ref('kpi_values') }} as movements
    on
        mrr.cadence = movements.cadence
        and mrr.period_start = movements.period_start
where
    mrr.kpi = 'mrr'
    and movements.kpi = 'mrr_movements'
    and mrr.dimension = 'total'
    and movements.dimension = 'total'
    and mrr.previous_value is not null
    and round(mrr.previous_value + movements.value, 2) <> round(mrr.value, 2)
