with

source as (

    {{ latest_whole('spreadsheets', 'subscriptions') }}

)

select
    -- ids
    subscription_id,
    {{ customer_company('customer_id') }} as company_id,

    -- strings
    plan,
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,
    file_name,

    -- numerics
    row_number,
    cast(mrr as decimal(18, 2)) as mrr,

    -- dates
    cast(started_on as date) as started_on,
    cast(ended_on as date) as ended_on
from source
