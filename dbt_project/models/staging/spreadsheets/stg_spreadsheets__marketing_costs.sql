with

source as (

    {{ latest_whole('spreadsheets', 'marketing_costs') }}

)

select
    -- strings
    lower(trim(category)) as category,
    coalesce(lower(nullif(trim(channel), '')), '(none)') as channel,
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,
    file_name,

    -- numerics
    row_number,
    cast(amount as decimal(18, 2)) as amount,

    -- dates
    {{ period_start('cast(month as date)', 'month') }} as month_start
from source
