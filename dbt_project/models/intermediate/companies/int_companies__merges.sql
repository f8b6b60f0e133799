-- Companies that were merged away, and the one each of them became.
with recursive

exploded as (

    {{ exploded(all_of('companies'), ['company_id'], 'merged_ids', 'merged_id', 'position') }}

),

records as (

    select
        company_id,
        domain,
        is_archived,
        created_at
    from {{ all_of('companies') }}

),

-- What a CRM merged itself, and what two CRMs both know.
links as (

    select
        merged_id as loser_id,
        company_id as survivor_id
    from exploded
    where merged_id != company_id
    union
    {{ links_between_crms('records', 'company_id', 'domain') }}

),

{{ surviving_records('links', 'company_id') }}
