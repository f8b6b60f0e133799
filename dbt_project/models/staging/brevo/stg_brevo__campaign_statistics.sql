with

-- Brevo forgets totals after six months; a load brings none that tell less than the lake knows.
source as (

    {{ latest_records('brevo', 'campaign_statistics', ['campaign_id']) }}

)

select
    -- ids
    {{ record_id('brevo', 'campaign_id') }} as campaign_id,

    -- numerics
    cast(sent as bigint) as sent,
    cast(delivered as bigint) as delivered,
    cast(hard_bounces as bigint) as hard_bounces,
    cast(soft_bounces as bigint) as soft_bounces,
    cast(opens as bigint) as opens,
    cast(unique_opens as bigint) as unique_opens,
    cast(trackable_opens as bigint) as trackable_opens,
    cast(clicks as bigint) as clicks,
    cast(unique_clicks as bigint) as unique_clicks,
    cast(unsubscribes as bigint) as unsubscribes,
    cast(complaints as bigint) as complaints
from source
