with

source as (

    {{ latest_whole('spreadsheets', 'targets') }}

)

select
    -- strings
    trim(kpi) as kpi,
    lower(trim(cadence)) as cadence,
    coalesce(nullif(trim(dimension), ''), 'total') as dimension,
    coalesce(nullif(trim(dimension_value), ''), 'total') as dimension_value,
    file_name,

    -- numerics
    row_number,
    cast(target as double) as target,

    -- dates
    cast(period_start as date) as period_start
from source
