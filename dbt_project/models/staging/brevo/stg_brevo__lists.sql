with

source as (

    {{ latest_records('brevo', 'lists', ['list_id']) }}

)

select
    -- ids
    list_id,

    -- strings
    name,

    -- numerics
    cast(subscribers as bigint) as subscribers,
    cast(blacklisted as bigint) as blacklisted
from source
