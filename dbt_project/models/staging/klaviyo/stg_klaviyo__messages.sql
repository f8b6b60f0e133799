-- Which campaign an event's message is of. Klaviyo names a campaign in its events by the id of its message, in older
-- accounts by its own. Messages of automations are not in it.
with

campaigns as (

    select
        campaign_id,
        message_ids
    from {{ ref('stg_klaviyo__campaigns') }}

),

messages as (

    {{ exploded('campaigns', ['campaign_id'], 'message_ids', 'message_id', 'position') }}

)

select
    message_id,
    min(campaign_id) as campaign_id
from (
    select
        campaign_id,
        message_id
    from messages
    union all
    select
        campaign_id,
        campaign_id as message_id
    from campaigns
) as known
where message_id is not null
group by message_id
