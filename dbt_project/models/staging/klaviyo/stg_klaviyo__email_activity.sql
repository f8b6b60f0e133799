{{ config(materialized='view') }}

with

events as (

    select *
    from {{ ref('stg_klaviyo__events') }}

)

select
    -- ids
    load_id,
    message_id,
    email_hash,
    ordinal,

    -- strings
    case metric when 'opened email' then 'open' else 'click' end as action,
    url,

    -- booleans
    is_machine,

    -- timestamps
    filed_day,
    occurred_at
from events
where metric in ('opened email', 'clicked email')
