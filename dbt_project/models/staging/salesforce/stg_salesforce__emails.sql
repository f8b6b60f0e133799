with

source as (

    {{ latest_records('salesforce', 'tasks', ['kind', 'task_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', 'task_id') }} as email_id,
    {{ record_id('salesforce', 'owner_id') }} as owner_id,

    -- strings
    case lower(direction) when 'inbound' then 'incoming_email' when 'outbound' then 'email' end as direction,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('coalesce(start_at, completed_at, created_at)') }} as sent_at
from source
where kind = 'email' and not coalesce(is_pattern, false)
