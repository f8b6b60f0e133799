-- Contacts that were merged away, and the person each of them became.
with recursive

exploded as (

    {{ exploded(all_of('contacts'), ['contact_id'], 'merged_ids', 'merged_id', 'position') }}

),

own as (

    select
        merged_id as loser_id,
        contact_id as survivor_id
    from exploded
    where merged_id != contact_id

),

known as (

    select
        contact_id,
        email_hash,
        is_archived,
        created_at
    from {{ all_of('contacts') }}

),

-- What a record was merged into knows what the record knew.
records as (

    select
        known.contact_id,
        told.email_hash,
        known.is_archived,
        known.created_at
    from known as told
    left join own on told.contact_id = own.loser_id
    inner join known on coalesce(own.survivor_id, told.contact_id) = known.contact_id

),

-- What a CRM merged itself, and what two CRMs both know.
links as (

    select
        loser_id,
        survivor_id
    from own
    union
    {{ links_between_crms('records', 'contact_id', 'email_hash') }}

),

{{ surviving_records('links', 'contact_id') }}
