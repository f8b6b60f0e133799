-- Companies that were merged away, and the one each of them became.
with recursive

exploded as (

    {{ exploded(all_of('companies'), ['company_id'], 'merged_ids', 'merged_id', 'position') }}

),

links as (

    select distinct
        merged_id as loser_id,
        company_id as survivor_id
    from exploded
    where merged_id != company_id

),

{{ surviving_records('links', 'company_id') }}
