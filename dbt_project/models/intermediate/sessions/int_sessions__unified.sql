-- One row per session of every analytics source. The first part decides where it came from and which day it belongs to.
-- Sources and mediums are lower case, whatever a link wrote, but for those who look for mistakes in it (`written_…`).
{{ config(materialized='table_by_month', meta={
    'month_of': 'session_date',
    'made_of': {'int_sessions__inputs': {}},
    'looked_up': {
        'int_persons__clients': {'by': ['client_id'], 'columns': ['person_id']},
        'int_channels__classified': {'by': channel_parts(), 'columns': ['channel', 'channel_rule']}
    }
}) }}

with

-- Sessions with a part in a month that is stale; their other parts may lie outside.
stale as (

    select distinct
        client_id,
        session_id
    from {{ all_of('session_parts') }}
    where {{ in_stale_months('int_sessions__inputs') }}

),

sessions as (

    select
        parts.client_id,
        parts.session_id,
        min(parts.started_at) as started_at,
        min(parts.session_date) as session_date,
        min_by(parts.source, parts.started_at) filter (where parts.source is not null) as source,
        min_by(parts.medium, parts.started_at) filter (where parts.source is not null) as medium,
        min_by(parts.campaign, parts.started_at) filter (where parts.source is not null) as campaign,
        min_by(parts.content, parts.started_at) filter (where parts.source is not null) as content,
        coalesce(
            min_by(parts.referrer, parts.started_at) filter (where parts.source is not null),
            min_by(parts.referrer, parts.started_at)
        ) as referrer,
        coalesce(
            min_by(parts.click_id, parts.started_at) filter (where parts.source is not null),
            min_by(parts.click_id, parts.started_at)
        ) as click_id,
        min_by(parts.country, parts.started_at) filter (where parts.country is not null) as country,
        min_by(parts.device, parts.started_at) filter (where parts.device is not null) as device,
        min_by(parts.landing_page, parts.started_at) filter (where parts.landing_page is not null) as landing_page,
        sum(parts.page_views) as page_views,
        sum(parts.engagement_ms) as engagement_ms,
        sum(parts.key_events) as key_events
    from {{ all_of('session_parts') }} as parts
    inner join stale on parts.client_id = stale.client_id and parts.session_id = stale.session_id
    group by parts.client_id, parts.session_id

),

unioned as (

    select
        concat(client_id, '.', cast(session_id as varchar)) as session_key,
        client_id,
        {{ or_none('lower(source)') }} as source,
        {{ or_none('lower(medium)') }} as medium,
        {{ named_campaign('campaign') }} as campaign,
        {{ or_none("nullif(content, '(not set)')") }} as content,
        {{ or_none('source') }} as written_source,
        {{ or_none('medium') }} as written_medium,
        {{ or_none('campaign') }} as written_campaign,
        referrer,
        click_id,
        country,
        device,
        landing_page,
        page_views,
        engagement_ms,
        key_events,
        started_at,
        session_date
    from sessions

),

channels as (

    select
        source,
        medium,
        campaign,
        referrer,
        click_id,
        channel,
        channel_rule
    from {{ ref('int_channels__classified') }}

),

clients as (

    select
        client_id,
        person_id
    from {{ ref('int_persons__clients') }}

),

countries as (

    select
        name,
        country
    from {{ ref('countries') }}

)

select
    unioned.session_key,
    unioned.client_id,
    clients.person_id,
    channels.channel,
    channels.channel_rule,
    unioned.campaign,
    unioned.content,
    unioned.source,
    unioned.medium,
    unioned.written_source,
    unioned.written_medium,
    unioned.written_campaign,
    unioned.referrer,
    unioned.click_id,
    coalesce(countries.country, unioned.country, '(none)') as country,
    {{ or_none('unioned.device') }} as device,
    {{ or_none('unioned.landing_page') }} as landing_page,
    cast(unioned.page_views as integer) as page_views,
    cast(unioned.engagement_ms as double) / 1000 as engagement_seconds,
    cast(unioned.key_events as integer) as key_events,
    (
        unioned.engagement_ms >= {{ var('engaged_seconds') }} * 1000
        or unioned.page_views >= {{ var('engaged_page_views') }}
        or unioned.key_events >= 1
    ) as is_engaged,
    unioned.started_at,
    unioned.session_date
from unioned
left join channels
    on
        unioned.source = channels.source
        and unioned.medium = channels.medium
        and unioned.campaign = channels.campaign
        and unioned.referrer = channels.referrer
        and unioned.click_id = channels.click_id
left join clients on unioned.client_id = clients.client_id
left join countries on lower(unioned.country) = countries.name
