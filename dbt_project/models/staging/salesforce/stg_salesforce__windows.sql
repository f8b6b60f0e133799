-- The lake's own table of what was pulled, so it waits for every table of the source. A table, not a view: all models
-- of one run see the same loads, whatever is committed meanwhile.
-- depends_on: {{ source('salesforce', 'leads') }}
-- depends_on: {{ source('salesforce', 'contacts') }}
-- depends_on: {{ source('salesforce', 'accounts') }}
-- depends_on: {{ source('salesforce', 'opportunities') }}
-- depends_on: {{ source('salesforce', 'opportunity_history') }}
-- depends_on: {{ source('salesforce', 'opportunity_contact_roles') }}
-- depends_on: {{ source('salesforce', 'campaigns') }}
-- depends_on: {{ source('salesforce', 'campaign_members') }}
-- depends_on: {{ source('salesforce', 'users') }}
-- depends_on: {{ source('salesforce', 'tasks') }}
-- depends_on: {{ source('salesforce', 'events') }}
-- depends_on: {{ source('salesforce', 'contracts') }}
-- depends_on: {{ source('salesforce', 'opportunity_stages') }}

with

windows as (

    {{ committed_windows('salesforce') }}

)

select
    load_id,
    table_name,
    window_start,
    window_end,
    {{ utc_timestamp('pulled_at') }} as pulled_at
from windows
