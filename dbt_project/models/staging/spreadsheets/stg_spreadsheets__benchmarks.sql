with

source as (

    {{ latest_whole('spreadsheets', 'benchmarks') }}

)

select
    -- strings
    trim(kpi) as kpi,
    sector,
    source as source_name,
    definition,
    file_name,

    -- numerics
    row_number,
    cast(year as integer) as benchmark_year,
    cast(value as double) as value
from source
