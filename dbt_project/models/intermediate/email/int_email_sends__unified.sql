-- One row per recipient of a campaign, with what they did inside the window after the send.
{{ config(materialized='table_by_month', meta={
    'month_of': 'sent_at',
    'made_of': {'int_email__inputs': {}, 'int_email_events__unified': {}},
    'looked_up': {'int_persons__emails': {'by': ['email_hash'], 'columns': ['person_id']}}
}) }}

with

-- Campaigns of a month that is stale.
stale as (

    select distinct campaign_id
    from {{ ref('int_email__inputs') }}
    where {{ in_stale_months('int_email__inputs') }}

),

sends as (

    select
        concat(campaign_id, ':', email_hash) as send_id,
        campaign_id,
        email_hash,
        max(status) as status
    from {{ all_of('email_sends') }}
    where
        campaign_id is not null
        and email_hash is not null
        and campaign_id in (select stale.campaign_id from stale)
    group by campaign_id, email_hash

),

campaigns as (

    select
        campaign_id,
        campaign,
        sent_at,
        {{ reporting_date('sent_at') }} as send_date
    from {{ ref('int_email_campaigns__unified') }}

),

persons as (

    select
        email_hash,
        person_id
    from {{ ref('int_persons__emails') }}

),

responses as (

    select
        send_id,
        count(*) filter (where action = 'open' and is_in_window) as opens,
        count(*) filter (where action = 'open' and is_in_window and not is_machine) as human_opens,
        count(*) filter (
            where action = 'click' and is_in_window and not is_machine and not is_unsubscribe_link
        ) as clicks,
        count(*) filter (where action = 'unsubscribe') as unsubscribes
    from {{ ref('int_email_events__unified') }}
    where {{ in_stale_months('int_email_events__unified') }}
    group by send_id

)

select
    sends.send_id,
    sends.campaign_id,
    campaigns.campaign,
    sends.email_hash,
    persons.person_id,
    campaigns.sent_at,
    campaigns.send_date,
    sends.status = 'sent' as is_delivered,
    coalesce(responses.opens, 0) > 0 as is_opened,
    coalesce(responses.human_opens, 0) > 0 as is_opened_human,
    coalesce(responses.clicks, 0) > 0 as is_clicked,
    coalesce(responses.unsubscribes, 0) > 0 as is_unsubscribed,
    case when sends.status in ('hard', 'soft') then sends.status end as bounce
from sends
inner join campaigns on sends.campaign_id = campaigns.campaign_id
left join responses on sends.send_id = responses.send_id
left join persons on sends.email_hash = persons.email_hash
