with

weeks as (

    select
        dates.week_start as as_of_week_start,
        {{ add_days('dates.week_start', 7) }} as next_week_start,
        -- The instant from which on nothing is known yet: the end of the week, or of the last whole day.
        {{ reporting_midnight(add_days('max(dates.date_day)', 1)) }} as known_until
    from {{ ref('dim_dates') }} as dates
    where dates.is_covered
    group by dates.week_start

),

states as (

    select
        meeting_id,
        outcome,
        {{ reporting_date('starts_at') }} as start_date,
        valid_from,
        valid_to
    from {{ ref('int_demos__states') }}

),

activities as (

    select
        source_id as meeting_id,
        owner,
        country,
        segment
    from {{ ref('int_activities__unified') }}
    where kind = 'meeting'

),

final as (

    select
        weeks.as_of_week_start,
        weeks.next_week_start as week_start,
        states.meeting_id,
        activities.owner,
        activities.country,
        activities.segment
    from weeks
    inner join states
        on
            weeks.known_until > states.valid_from
            and (weeks.known_until <= states.valid_to or states.valid_to is null)
            and weeks.next_week_start = {{ period_start('states.start_date', 'week') }}
    inner join activities on states.meeting_id = activities.meeting_id
    where states.outcome not in ('canceled', 'rescheduled', 'no_show', 'archived')

)

select * from final
