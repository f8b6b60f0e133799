with

source as (

    {{ latest_records('hubspot', 'contacts', ['contact_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'contact_id') }} as contact_id,
    {{ record_id('hubspot', 'owner_id') }} as owner_id,
    {{ record_ids('hubspot', 'merged_ids') }} as merged_ids,
    email_hash,
    {{ typed_null('varchar[]') }} as email_hashes,
    ga_client_id as client_id,
    user_key_hash,

    -- strings
    lower(email_domain) as email_domain,
    nullif(trim(country), '') as country,
    lower(nullif(trim(lead_source), '')) as lead_source,
    lower(lifecycle_stage) as lifecycle_stage,
    {{ typed_null('varchar') }} as segment,

    -- numerics
    cast(null as integer) as employees,

    -- booleans
    coalesce(is_role_address, false) as is_role_address,
    coalesce(is_test, false) as is_test,
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('lead_at') }} as lead_at,
    {{ utc_timestamp('mql_at') }} as mql_at,
    {{ utc_timestamp('sql_at') }} as sql_at,
    {{ utc_timestamp('opportunity_at') }} as opportunity_at,
    {{ utc_timestamp('customer_at') }} as customer_at,
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
