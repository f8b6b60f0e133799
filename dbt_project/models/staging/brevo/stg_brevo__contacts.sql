with

source as (

    {{ latest_records('brevo', 'contacts', ['contact_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('brevo', 'contact_id') }} as contact_id,
    email_hash,

    -- strings
    lower(email_domain) as email_domain,

    -- booleans
    coalesce(is_blacklisted, false) as is_blacklisted,
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
