with

source as (

    {{ latest_records('hubspot', 'emails', ['email_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'email_id') }} as email_id,
    {{ record_id('hubspot', 'owner_id') }} as owner_id,

    -- strings
    lower(direction) as direction,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('sent_at') }} as sent_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
