with

campaigns as (

    select *
    from {{ ref('stg_klaviyo__campaigns') }}

)

select
    -- ids
    {{ record_id('klaviyo', 'campaign_id') }} as campaign_id,

    -- strings
    -- The name its links carry, so that a campaign meets its sessions and its spend.
    coalesce(utm_campaign, name, campaign_id) as campaign,

    -- timestamps
    -- A time still to come is no send.
    case when status not in ('draft', 'scheduled', 'preparing to schedule') then sent_at end as sent_at
from campaigns
