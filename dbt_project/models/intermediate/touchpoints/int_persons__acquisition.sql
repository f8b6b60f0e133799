-- Where each person came from: the first touch in the lookback before they became a lead (before the CRM knew them, for
-- those who never did). Meetings and calls are what sales does with people who came already.
with

persons as (

    select
        person_id,
        coalesce(lead_at, created_at) as acquired_at
    from {{ ref('int_persons__unified') }}

),

touches as (

    select
        person_id,
        channel,
        campaign,
        touched_at,
        touch_number
    from {{ ref('int_touchpoints__unified') }}
    where touch_type not in ('meeting', 'call')

),

first_touches as (

    select
        persons.person_id,
        min_by(touches.channel, touches.touch_number) as channel,
        min_by(touches.campaign, touches.touch_number) as campaign
    from persons
    inner join touches
        on
            persons.person_id = touches.person_id
            and {{ within_lookback('touches.touched_at', 'persons.acquired_at', lookback_microseconds('lead')) }}
    group by persons.person_id

)

select
    persons.person_id,
    coalesce(first_touches.channel, 'unattributed') as channel,
    coalesce(first_touches.campaign, '(none)') as campaign
from persons
left join first_touches on persons.person_id = first_touches.person_id
