with

source as (

    {{ latest_records('mailchimp', 'members', ['list_id', 'member_id'], 'last_changed') }}

)

select
    -- ids
    member_id,
    list_id,
    email_hash,

    -- strings
    lower(email_domain) as email_domain,
    lower(status) as status,

    -- timestamps
    {{ utc_timestamp('opted_in_at') }} as opted_in_at,
    {{ utc_timestamp('last_changed') }} as updated_at
from source
