with

source as (

    {{ latest_records('salesforce', 'users', ['user_id'], 'updated_at') }}

)

select
    -- ids
    {{ record_id('salesforce', 'user_id') }} as owner_id,

    -- strings
    first_name,
    last_name,
    team,

    -- booleans
    not coalesce(is_active, true) as is_archived
from source
