-- What recipients did with campaigns, as far as the campaigns are known today.
{{ config(materialized='view') }}

with

activity as (

    select
        load_id,
        filed_day,
        message_id,
        email_hash,
        action,
        url,
        ordinal,
        is_machine,
        occurred_at,
        made_by
    from {{ ref('int_klaviyo__message_activity') }}

),

messages as (

    select
        message_id,
        campaign_id
    from {{ ref('stg_klaviyo__messages') }}

)

select
    activity.load_id,
    activity.filed_day,
    {{ record_id('klaviyo', 'messages.campaign_id') }} as campaign_id,
    activity.email_hash,
    activity.action,
    activity.url,
    activity.ordinal,
    activity.is_machine,
    activity.occurred_at,
    activity.made_by
from activity
inner join messages on activity.message_id = messages.message_id
