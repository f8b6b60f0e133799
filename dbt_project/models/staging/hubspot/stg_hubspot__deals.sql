with

source as (

    {{ latest_records('hubspot', 'deals', ['deal_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'deal_id') }} as deal_id,
    {{ record_id('hubspot', 'owner_id') }} as owner_id,
    {{ imported_id('hubspot', 'imported_id') }} as imported_id,
    {{ record_id('hubspot', 'pipeline') }} as pipeline_id,
    stage as stage_id,

    -- strings
    name,
    nullif(trim(lost_reason), '') as lost_reason,
    nullif(trim(partner), '') as partner,
    -- A portal with one currency leaves the code empty and means its own.
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,

    -- numerics
    cast(amount as decimal(18, 2)) as amount,
    cast(mrr as decimal(18, 2)) as recurring_amount,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('close_date') }} as close_date_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
