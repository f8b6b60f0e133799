-- Emails that were logged as activities; those of synchronized mailboxes are in no list.
with

source as (

    {{ latest_records('pipedrive', 'activities', ['activity_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('pipedrive', 'activity_id') }} as email_id,
    {{ record_id('pipedrive', 'owner_id') }} as owner_id,

    -- strings
    case when type_says = 'received' then 'incoming_email' else 'email' end as direction,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('starts_at') }} as sent_at
from source
where kind = 'email'
