-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('mailchimp', 'lists') }}
-- depends_on: {{ source('mailchimp', 'members') }}
-- depends_on: {{ source('mailchimp', 'campaigns') }}
-- depends_on: {{ source('mailchimp', 'reports') }}
-- depends_on: {{ source('mailchimp', 'sends') }}
-- depends_on: {{ source('mailchimp', 'email_activity') }}
-- depends_on: {{ source('mailchimp', 'unsubscribes') }}

with

windows as (

    {{ committed_windows('mailchimp') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
