-- Who and what a record belongs to, from the columns that point there. Salesforce's ids begin with what they are of:
-- 006 is an opportunity, 001 an account.
with

contacts as (

    {{ latest_records('salesforce', 'contacts', ['contact_id'], 'updated_at') }}

),

deals as (

    {{ latest_records('salesforce', 'opportunities', ['opportunity_id'], 'updated_at') }}

),

roles as (

    {{ latest_records('salesforce', 'opportunity_contact_roles', ['opportunity_id', 'role_id'], 'updated_at') }}

),

events as (

    {{ latest_records('salesforce', 'events', ['event_id'], 'updated_at') }}

),

tasks as (

    {{ latest_records('salesforce', 'tasks', ['kind', 'task_id'], 'updated_at') }}

),

activities as (

    select
        'meeting' as kind,
        event_id as activity_id,
        who_id,
        what_id,
        account_id
    from events
    union all
    select
        kind,
        task_id as activity_id,
        who_id,
        what_id,
        account_id
    from tasks
    where kind in ('call', 'email')

),

-- The primary contact first, then in the order in which they were added: ids ascend.
members as (

    select
        opportunity_id,
        contact_id,
        row_number() over (
            partition by opportunity_id
            order by case when is_primary then 0 else 1 end, role_id
        ) as position
    from roles
    where not archived

),

links as (

    select
        'contact' as from_type,
        contact_id as from_id,
        'company' as to_type,
        account_id as to_id,
        1 as position
    from contacts
    union all
    select
        'deal' as from_type,
        opportunity_id as from_id,
        'company' as to_type,
        account_id as to_id,
        1 as position
    from deals
    union all
    select
        'deal' as from_type,
        opportunity_id as from_id,
        'contact' as to_type,
        contact_id as to_id,
        position
    from members
    union all
    select
        kind as from_type,
        activity_id as from_id,
        'contact' as to_type,
        who_id as to_id,
        1 as position
    from activities
    union all
    select
        kind as from_type,
        activity_id as from_id,
        'company' as to_type,
        coalesce(account_id, case when what_id like '001%' then what_id end) as to_id,
        1 as position
    from activities
    union all
    select
        kind as from_type,
        activity_id as from_id,
        'deal' as to_type,
        what_id as to_id,
        1 as position
    from activities
    where what_id like '006%'

)

select
    -- ids
    from_type,
    {{ record_id('salesforce', 'from_id') }} as from_id,
    to_type,
    {{ record_id('salesforce', 'to_id') }} as to_id,

    -- numerics
    cast(position as integer) as position
from links
where to_id is not null
