-- Persons. A merge leaves no trace of its own: the loser is gone, and its address is among those of the survivor. Such
-- a person counts as merged, not as deleted.
with

source as (

    {{ latest_records('pipedrive', 'persons', ['person_id'], 'updated_at') }}

),

leads as (

    {{ latest_records('pipedrive', 'leads', ['lead_id'], 'updated_at') }}

),

first_leads as (

    select
        person_id,
        min(created_at) as created_at
    from leads
    where person_id is not null
    group by person_id

),

standing as (

    select
        person_id,
        email_hashes
    from source
    where not coalesce(archived, false)

),

addresses as (

    {{ exploded('standing', ['person_id'], 'email_hashes', 'address_hash', 'position') }}

),

claims as (

    select
        source.person_id as loser_id,
        addresses.person_id as survivor_id,
        row_number() over (
            partition by source.person_id order by addresses.position, addresses.person_id
        ) as choice
    from source
    inner join addresses on source.email_hash = addresses.address_hash
    where coalesce(source.archived, false)

),

merged as (

    select
        loser_id,
        survivor_id
    from claims
    where choice = 1

),

survivors as (

    select
        survivor_id,
        array_sort(array_agg(loser_id)) as merged_ids
    from merged
    group by survivor_id

)

select
    -- ids
    {{ record_id('pipedrive', 'source.person_id') }} as contact_id,
    {{ record_id('pipedrive', 'source.owner_id') }} as owner_id,
    {{ record_ids('pipedrive', 'survivors.merged_ids') }} as merged_ids,
    source.email_hash,
    source.email_hashes,
    source.client_id,
    source.user_key_hash,

    -- strings
    lower(source.email_domain) as email_domain,
    nullif(trim(source.country), '') as country,
    lower(nullif(trim(source.lead_source), '')) as lead_source,
    lower(source.lifecycle_stage) as lifecycle_stage,
    {{ typed_null('varchar') }} as segment,

    -- numerics
    cast(null as integer) as employees,

    -- booleans
    coalesce(source.is_role_address, false) as is_role_address,
    coalesce(source.is_test, false) as is_test,
    (coalesce(source.archived, false) and merged.loser_id is null) as is_archived,

    -- timestamps
    -- Without a field for it, a person is a lead since the first lead in the Leads Inbox.
    {{ utc_timestamp('coalesce(source.lead_at, first_leads.created_at)') }} as lead_at,
    {{ utc_timestamp('source.mql_at') }} as mql_at,
    {{ utc_timestamp('source.sql_at') }} as sql_at,
    {{ utc_timestamp('source.opportunity_at') }} as opportunity_at,
    {{ utc_timestamp('source.customer_at') }} as customer_at,
    {{ utc_timestamp('source.created_at') }} as created_at,
    {{ utc_timestamp('source.updated_at') }} as updated_at
from source
left join merged on source.person_id = merged.loser_id
left join survivors on source.person_id = survivors.survivor_id
left join first_leads on source.person_id = first_leads.person_id
