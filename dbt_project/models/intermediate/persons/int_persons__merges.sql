-- Contacts that were merged away, and the person each of them became.
with recursive

exploded as (

    {{ exploded(all_of('contacts'), ['contact_id'], 'merged_ids', 'merged_id', 'position') }}

),

records as (

    select
        contact_id,
        email_hash,
        is_archived,
        created_at
    from {{ all_of('contacts') }}

),

-- What a CRM merged itself, and what two CRMs both know.
links as (

    select
        merged_id as loser_id,
        contact_id as survivor_id
    from exploded
    where merged_id != contact_id
    union
    {{ links_between_crms('records', 'contact_id', 'email_hash') }}

),

{{ surviving_records('links', 'contact_id') }}
