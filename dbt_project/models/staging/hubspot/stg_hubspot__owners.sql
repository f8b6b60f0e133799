with

source as (

    {{ latest_records('hubspot', 'owners', ['owner_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('hubspot', 'owner_id') }} as owner_id,
    user_id,

    -- strings
    first_name,
    last_name,
    team,

    -- booleans
    coalesce(archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('created_at') }} as created_at,
    {{ utc_timestamp('updated_at') }} as updated_at
from source
