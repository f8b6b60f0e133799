-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('klaviyo', 'metrics') }}
-- depends_on: {{ source('klaviyo', 'lists') }}
-- depends_on: {{ source('klaviyo', 'profiles') }}
-- depends_on: {{ source('klaviyo', 'campaigns') }}
-- depends_on: {{ source('klaviyo', 'events') }}

with

windows as (

    {{ committed_windows('klaviyo') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
