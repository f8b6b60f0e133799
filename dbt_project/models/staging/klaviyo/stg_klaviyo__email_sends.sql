-- One row per recipient: received, or bounced. A server that took a mail may still send it back later, so a bounce
-- outweighs a receipt, and a hard one a soft one.
{{ config(materialized='view') }}

with

events as (

    select
        load_id,
        campaign_id,
        email_hash,
        metric,
        bounce_type,
        filed_day,
        occurred_at,
        event_id
    from {{ ref('stg_klaviyo__events') }}
    where campaign_id is not null

),

-- Few, so that looking for them costs little.
bounced as (

    select
        load_id,
        campaign_id,
        email_hash,
        case when bounce_type = 'hard' then 'hard' else 'soft' end as status,
        filed_day,
        row_number() over (
            partition by campaign_id, email_hash
            order by case when bounce_type = 'hard' then 0 else 1 end, occurred_at, event_id
        ) as recency
    from events
    where metric = 'bounced email'

)

select
    events.load_id,
    events.campaign_id,
    events.email_hash,
    'sent' as status,
    events.filed_day
from events
left join bounced
    on events.campaign_id = bounced.campaign_id and events.email_hash = bounced.email_hash and bounced.recency = 1
where events.metric = 'received email' and bounced.campaign_id is null
union all
select
    load_id,
    campaign_id,
    email_hash,
    status,
    filed_day
from bounced
where recency = 1
