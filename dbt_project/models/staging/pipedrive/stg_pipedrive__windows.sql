-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('pipedrive', 'persons') }}
-- depends_on: {{ source('pipedrive', 'organizations') }}
-- depends_on: {{ source('pipedrive', 'deals') }}
-- depends_on: {{ source('pipedrive', 'deal_changes') }}
-- depends_on: {{ source('pipedrive', 'deal_participants') }}
-- depends_on: {{ source('pipedrive', 'leads') }}
-- depends_on: {{ source('pipedrive', 'activities') }}
-- depends_on: {{ source('pipedrive', 'users') }}
-- depends_on: {{ source('pipedrive', 'pipelines') }}
-- depends_on: {{ source('pipedrive', 'stages') }}

with

windows as (

    {{ committed_windows('pipedrive') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
