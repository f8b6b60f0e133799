-- People leave through a campaign once: of several such events the first counts.
{{ config(materialized='view') }}

with

events as (

    select
        load_id,
        campaign_id,
        email_hash,
        filed_day,
        occurred_at,
        row_number() over (partition by campaign_id, email_hash order by occurred_at, event_id) as recency
    from {{ ref('stg_klaviyo__events') }}
    where metric = 'unsubscribed from email marketing' and campaign_id is not null

)

select
    -- ids
    load_id,
    campaign_id,
    email_hash,

    -- timestamps
    filed_day,
    occurred_at
from events
where recency = 1
