-- Opens, clicks and unsubscribes of every email platform, one row per event, with the person where the address is
-- known.
{{ config(materialized='table_by_month', meta={
    'month_of': 'sent_at',
    'made_of': {'int_email__inputs': {}},
    'looked_up': {'int_persons__emails': {'by': ['email_hash'], 'columns': ['person_id']}}
}) }}

with

-- Campaigns of a month that is stale.
stale as (

    select distinct campaign_id
    from {{ ref('int_email__inputs') }}
    where {{ in_stale_months('int_email__inputs') }}

),

activity as (

    select
        campaign_id,
        email_hash,
        action,
        url,
        ordinal,
        is_machine,
        occurred_at
    from {{ all_of('email_activity') }}
    where action in ('open', 'click') and campaign_id in (select stale.campaign_id from stale)

),

unsubscribes as (

    select
        campaign_id,
        email_hash,
        occurred_at
    from {{ all_of('email_unsubscribes') }}
    where occurred_at is not null and campaign_id in (select stale.campaign_id from stale)

),

unioned as (

    select
        concat(
            campaign_id, ':', email_hash, ':', action, ':',
            cast({{ epoch_microseconds('occurred_at') }} as varchar), ':', cast(ordinal as varchar)
        ) as event_id,
        campaign_id,
        email_hash,
        action,
        is_machine,
        action = 'click' and {{ contains_any("coalesce(url, '')", var('unsubscribe_links')) }} as is_unsubscribe_link,
        occurred_at
    from activity
    union all
    select
        concat(campaign_id, ':', email_hash, ':unsubscribe') as event_id,
        campaign_id,
        email_hash,
        'unsubscribe' as action,
        false as is_machine,
        false as is_unsubscribe_link,
        occurred_at
    from unsubscribes

),

campaigns as (

    select
        campaign_id,
        campaign,
        sent_at
    from {{ ref('int_email_campaigns__unified') }}

),

persons as (

    select
        email_hash,
        person_id
    from {{ ref('int_persons__emails') }}

)

select
    unioned.event_id,
    concat(unioned.campaign_id, ':', unioned.email_hash) as send_id,
    unioned.campaign_id,
    {{ or_none('campaigns.campaign') }} as campaign,
    unioned.email_hash,
    persons.person_id,
    unioned.action,
    unioned.is_machine,
    unioned.is_unsubscribe_link,
    unioned.occurred_at,
    campaigns.sent_at,
    -- Whether it counts for the rates of its send: within the window that begins with the send.
    coalesce(
        {{ epoch_microseconds('unioned.occurred_at') }} - {{ epoch_microseconds('campaigns.sent_at') }}
        between 0 and {{ var('email_window_days') }} * 86400000000,
        false
    ) as is_in_window
from unioned
left join campaigns on unioned.campaign_id = campaigns.campaign_id
left join persons on unioned.email_hash = persons.email_hash
