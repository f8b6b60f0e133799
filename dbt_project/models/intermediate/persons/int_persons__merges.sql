-- Contacts that were merged away, and the person each of them became.
with recursive

exploded as (

    {{ exploded(all_of('contacts'), ['contact_id'], 'merged_ids', 'merged_id', 'position') }}

),

links as (

    select distinct
        merged_id as loser_id,
        contact_id as survivor_id
    from exploded
    where merged_id != contact_id

),

{{ surviving_records('links', 'contact_id') }}
