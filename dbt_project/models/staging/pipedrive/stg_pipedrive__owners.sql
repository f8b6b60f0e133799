with

source as (

    {{ latest_records('pipedrive', 'users', ['user_id'], 'updated_at') }}

),

-- Pipedrive holds one name: the first word of it is taken for the first name.
named as (

    select
        user_id,
        team,
        archived,
        trim(name) as name,
        {{ dbt.split_part('trim(name)', "' '", 1) }} as first_name
    from source

)

select
    -- ids
    {{ record_id('pipedrive', 'user_id') }} as owner_id,

    -- strings
    nullif(first_name, '') as first_name,
    nullif(trim(substring(name, length(first_name) + 1)), '') as last_name,
    team,

    -- booleans
    coalesce(archived, false) as is_archived
from named
