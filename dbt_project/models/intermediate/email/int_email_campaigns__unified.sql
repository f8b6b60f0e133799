-- One row per email campaign that was sent, by the name its links carry, so that it meets its sessions and its spend.
select
    campaign_id,
    campaign,
    sent_at
from {{ all_of('email_campaigns') }}
where sent_at is not null
