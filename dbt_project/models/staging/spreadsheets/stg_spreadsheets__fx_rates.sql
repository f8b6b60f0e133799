with

source as (

    {{ latest_whole('spreadsheets', 'fx_rates') }}

)

select
    -- strings
    upper(trim(currency)) as currency,
    file_name,

    -- numerics
    row_number,
    cast(rate as decimal(18, 8)) as rate,

    -- dates
    cast(date as date) as date_day
from source
