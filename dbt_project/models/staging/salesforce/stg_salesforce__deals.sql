with

source as (

    {{ latest_records('salesforce', 'opportunities', ['opportunity_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', 'opportunity_id') }} as deal_id,
    {{ record_id('salesforce', 'owner_id') }} as owner_id,
    {{ imported_id('salesforce', 'imported_id') }} as imported_id,
    -- An org has one list of stages.
    {{ record_id('salesforce', "'default'") }} as pipeline_id,
    stage as stage_id,

    -- strings
    name,
    nullif(trim(lost_reason), '') as lost_reason,
    nullif(trim(partner), '') as partner,
    -- An org of one currency has no code and means its own.
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,

    -- numerics
    cast(amount as decimal(18, 2)) as amount,
    cast(recurring_amount as decimal(18, 2)) as recurring_amount,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
