-- One row per email campaign that was sent, by the name its links carry, so that it meets its sessions and its spend.
select
    campaign_id,
    coalesce(utm_campaign, title, campaign_id) as campaign,
    sent_at
from {{ ref('stg_mailchimp__campaigns') }}
where sent_at is not null
