-- One row per marketing or sales contact of a person, numbered in the person's own order (touched_at, touch_id): a path
-- is then a range of numbers, and first, last and position need no sorting later.
{{ config(materialized='table_by_month', meta={'month_of': 'touched_at'}) }}

with

coverage as (

    select data_through
    from {{ ref('int_lake__coverage') }}

),

-- Who ordered on a browser that is nobody's.
strangers as (

    select distinct
        client_id,
        {{ browser_person('client_id') }} as person_id
    from {{ ref('int_orders__unified') }}
    where person_id is null and client_id is not null

),

sessions as (

    select
        concat('session:', sessions.session_key) as touch_id,
        coalesce(sessions.person_id, strangers.person_id) as person_id,
        sessions.started_at as touched_at,
        'session' as touch_type,
        sessions.channel,
        sessions.campaign
    from {{ ref('int_sessions__unified') }} as sessions
    left join strangers on sessions.client_id = strangers.client_id
    where sessions.person_id is not null or strangers.person_id is not null

),

-- Machines open and click what they scan; a click to leave is no interest.
email_clicks as (

    select
        concat('email_click:', event_id) as touch_id,
        person_id,
        occurred_at as touched_at,
        'email_click' as touch_type,
        'email' as channel,
        campaign
    from {{ ref('int_email_events__unified') }}
    where person_id is not null and action = 'click' and not is_machine and not is_unsubscribe_link

),

-- Only meetings that were held touched somebody; calls always did, once their time has come.
activities as (

    select
        activities.activity_id as touch_id,
        activities.person_id,
        activities.starts_at as touched_at,
        activities.kind as touch_type,
        'sales' as channel,
        '(none)' as campaign
    from {{ ref('int_activities__unified') }} as activities
    cross join coverage
    where
        activities.person_id is not null
        and activities.archived_at is null
        and (
            activities.kind = 'call'
            or (activities.kind = 'meeting' and activities.outcome in {{ in_list(var('held_outcomes')) }})
        )
        and activities.start_date <= coverage.data_through

),

-- What people keep lists of. Whose address nobody knows is no person yet, and what is only planned no touch.
listed as (

    select
        concat(
            touches.touch_type, ':', cast({{ epoch_microseconds('touches.touched_at') }} as varchar), ':',
            touches.email_hash, ':', touches.channel, ':', touches.campaign
        ) as touch_id,
        emails.person_id,
        touches.touched_at,
        touches.touch_type,
        touches.channel,
        touches.campaign
    from {{ ref('stg_spreadsheets__touches') }} as touches
    inner join {{ ref('int_persons__emails') }} as emails on touches.email_hash = emails.email_hash
    cross join coverage
    where {{ reporting_date('touches.touched_at') }} <= coverage.data_through

),

unioned as (

    select
        touch_id,
        person_id,
        touched_at,
        touch_type,
        channel,
        campaign
    from sessions
    union all
    select
        touch_id,
        person_id,
        touched_at,
        touch_type,
        channel,
        campaign
    from email_clicks
    union all
    select
        touch_id,
        person_id,
        touched_at,
        touch_type,
        channel,
        campaign
    from activities
    union all
    select
        touch_id,
        person_id,
        touched_at,
        touch_type,
        channel,
        campaign
    from listed

),

persons as (

    select
        person_id,
        company_id
    from {{ ref('int_persons__unified') }}
    union all
    select
        person_id,
        cast(null as {{ dbt.type_string() }}) as company_id
    from strangers

)

select
    unioned.touch_id,
    unioned.person_id,
    persons.company_id,
    unioned.touched_at,
    unioned.touch_type,
    unioned.channel,
    unioned.campaign,
    cast(row_number() over (
        partition by unioned.person_id order by unioned.touched_at, unioned.touch_id
    ) as integer) as touch_number
from unioned
inner join persons on unioned.person_id = persons.person_id
