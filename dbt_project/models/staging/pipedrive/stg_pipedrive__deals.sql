with

source as (

    {{ latest_records('pipedrive', 'deals', ['deal_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('pipedrive', 'deal_id') }} as deal_id,
    {{ record_id('pipedrive', 'owner_id') }} as owner_id,
    {{ imported_id('pipedrive', 'imported_id') }} as imported_id,
    {{ record_id('pipedrive', 'pipeline_id') }} as pipeline_id,
    -- A closed deal stays in its last stage: won and lost are stages of our making (stg_pipedrive__stages).
    case when status in ('won', 'lost') then status else stage_id end as stage_id,

    -- strings
    name,
    nullif(trim(lost_reason), '') as lost_reason,
    nullif(trim(partner), '') as partner,
    upper(coalesce(nullif(trim(currency), ''), '{{ reporting_currency() }}')) as currency,

    -- numerics
    cast(amount as decimal(18, 2)) as amount,
    -- What the company's own field says, or the products attached come to: per month, both.
    cast(coalesce(recurring_amount, mrr) as decimal(18, 2)) as recurring_amount,

    -- booleans
    -- One that is archived in Pipedrive's own sense (is_shelved) counts on.
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
