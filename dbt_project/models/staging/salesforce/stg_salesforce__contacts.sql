-- Leads and contacts as one list. A converted lead is merged into its contact, a deleted one into the record it was
-- merged with; both stay as they last were, as losers of a merge do.
with

leads as (

    {{ latest_records('salesforce', 'leads', ['lead_id'], 'updated_at') }}

),

contacts as (

    {{ latest_records('salesforce', 'contacts', ['contact_id'], 'updated_at') }}

),

people as (

    select
        lead_id as contact_id,
        owner_id,
        coalesce(converted_contact_id, merged_into) as became,
        email_hash,
        is_role_address,
        client_id,
        user_key_hash,
        country,
        lead_source,
        lifecycle_stage,
        segment,
        employees,
        is_test,
        archived,
        lead_at,
        mql_at,
        sql_at,
        opportunity_at,
        customer_at,
        created_at,
        updated_at
    from leads
    union all
    select
        contact_id,
        owner_id,
        merged_into as became,
        email_hash,
        is_role_address,
        client_id,
        user_key_hash,
        country,
        lead_source,
        lifecycle_stage,
        {{ typed_null('varchar') }} as segment,
        cast(null as bigint) as employees,
        is_test,
        archived,
        lead_at,
        mql_at,
        sql_at,
        opportunity_at,
        customer_at,
        created_at,
        updated_at
    from contacts

),

losers as (

    select
        became as survivor_id,
        {{ sorted_list('contact_id') }} as merged_ids
    from people
    where became is not null
    group by became

)

select
    -- ids
    {{ record_id('salesforce', 'people.contact_id') }} as contact_id,
    {{ record_id('salesforce', 'people.owner_id') }} as owner_id,
    {{ record_ids('salesforce', 'losers.merged_ids') }} as merged_ids,
    people.email_hash,
    {{ typed_null('varchar[]') }} as email_hashes,
    people.client_id,
    people.user_key_hash,

    -- strings
    nullif(trim(people.country), '') as country,
    lower(nullif(trim(people.lead_source), '')) as lead_source,
    lower(people.lifecycle_stage) as lifecycle_stage,
    nullif(trim(people.segment), '') as segment,

    -- numerics
    cast(people.employees as integer) as employees,

    -- booleans
    coalesce(people.is_role_address, false) as is_role_address,
    coalesce(people.is_test, false) as is_test,
    coalesce(people.archived, false) as is_archived,

    -- timestamps
    {{ utc_timestamp('people.lead_at') }} as lead_at,
    {{ utc_timestamp('people.mql_at') }} as mql_at,
    {{ utc_timestamp('people.sql_at') }} as sql_at,
    {{ utc_timestamp('people.opportunity_at') }} as opportunity_at,
    {{ utc_timestamp('people.customer_at') }} as customer_at,
    {{ utc_timestamp('people.created_at') }} as created_at,
    {{ utc_timestamp('people.updated_at') }} as updated_at
from people
left join losers on people.contact_id = losers.survivor_id
