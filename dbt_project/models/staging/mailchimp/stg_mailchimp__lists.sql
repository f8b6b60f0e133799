with

source as (

    {{ latest_records('mailchimp', 'lists', ['list_id']) }}

)

select
    -- ids
    list_id,

    -- strings
    name
from source
