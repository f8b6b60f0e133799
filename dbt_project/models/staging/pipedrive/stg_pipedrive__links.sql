-- Links between records, the primary one at position 1.
with

persons as (

    {{ latest_records('pipedrive', 'persons', ['person_id'], 'updated_at') }}

),

deals as (

    {{ latest_records('pipedrive', 'deals', ['deal_id'], 'updated_at') }}

),

participants as (

    {{ latest_records('pipedrive', 'deal_participants', ['from_type', 'from_id'], 'read_at') }}

),

activities as (

    {{ latest_records('pipedrive', 'activities', ['activity_id'], 'updated_at') }}

),

typed as (

    select
        case kind when 'call' then 'call' when 'email' then 'email' else 'meeting' end as from_type,
        activity_id as from_id,
        participant_ids,
        organization_id,
        deal_id
    from activities
    where kind is not null

),

-- A deal whose people could not be read yet has its primary person.
unread as (

    select
        deals.deal_id,
        deals.person_id
    from deals
    left join participants on deals.deal_id = participants.from_id
    where participants.from_id is null and deals.person_id is not null

),

deal_people as (

    {{ exploded('participants', ['from_type', 'from_id'], 'person_ids', 'to_id', 'position') }}

),

activity_people as (

    {{ exploded('typed', ['from_type', 'from_id'], 'participant_ids', 'to_id', 'position') }}

),

links as (

    select
        from_type,
        from_id,
        'contact' as to_type,
        to_id,
        position
    from deal_people
    union all
    select
        'deal' as from_type,
        deal_id as from_id,
        'contact' as to_type,
        person_id as to_id,
        1 as position
    from unread
    union all
    select
        'deal' as from_type,
        deal_id as from_id,
        'company' as to_type,
        organization_id as to_id,
        1 as position
    from deals
    where organization_id is not null
    union all
    select
        'contact' as from_type,
        person_id as from_id,
        'company' as to_type,
        organization_id as to_id,
        1 as position
    from persons
    where organization_id is not null
    union all
    select
        from_type,
        from_id,
        'contact' as to_type,
        to_id,
        position
    from activity_people
    union all
    select
        from_type,
        from_id,
        'company' as to_type,
        organization_id as to_id,
        1 as position
    from typed
    where organization_id is not null
    union all
    select
        from_type,
        from_id,
        'deal' as to_type,
        deal_id as to_id,
        1 as position
    from typed
    where deal_id is not null

)

select
    -- ids
    from_type,
    {{ record_id('pipedrive', 'from_id') }} as from_id,
    to_type,
    {{ record_id('pipedrive', 'to_id') }} as to_id,

    -- numerics
    cast(position as integer) as position
from links
