-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('brevo', 'lists') }}
-- depends_on: {{ source('brevo', 'contacts') }}
-- depends_on: {{ source('brevo', 'campaigns') }}
-- depends_on: {{ source('brevo', 'campaign_statistics') }}
-- depends_on: {{ source('brevo', 'sends') }}
-- depends_on: {{ source('brevo', 'email_activity') }}
-- depends_on: {{ source('brevo', 'unsubscribes') }}
-- depends_on: {{ source('brevo', 'transactional_events') }}

with

windows as (

    {{ committed_windows('brevo') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
