with

source as (

    {{ latest_whole('spreadsheets', 'ad_spend') }}

)

select
    -- strings
    lower(trim(platform)) as platform,
    coalesce(lower(nullif(trim(channel), '')), '(none)') as channel,
    coalesce(nullif(trim(campaign), ''), '(none)') as campaign,
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,
    file_name,

    -- numerics
    row_number,
    cast(spend as decimal(18, 2)) as spend,
    cast(impressions as bigint) as impressions,
    cast(clicks as bigint) as clicks,

    -- dates
    cast(date as date) as date_day
from source
