with

source as (

    {{ latest_records('klaviyo', 'profiles', ['profile_id'], 'updated_at') }}

)

select
    -- ids
    profile_id,
    email_hash,

    -- strings
    lower(email_domain) as email_domain,
    lower(consent) as consent,
    lower(suppression) as suppression,

    -- booleans
    coalesce(can_receive, false) as can_receive,
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('consented_at') }} as consented_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
