-- Companies that were merged away, and the one each of them became.
with recursive

exploded as (

    {{ exploded(all_of('companies'), ['company_id'], 'merged_ids', 'merged_id', 'position') }}

),

own as (

    select
        merged_id as loser_id,
        company_id as survivor_id
    from exploded
    where merged_id != company_id

),

known as (

    select
        company_id,
        domain,
        is_archived,
        created_at
    from {{ all_of('companies') }}

),

-- What a record was merged into knows what the record knew.
records as (

    select
        known.company_id,
        told.domain,
        known.is_archived,
        known.created_at
    from known as told
    left join own on told.company_id = own.loser_id
    inner join known on coalesce(own.survivor_id, told.company_id) = known.company_id

),

-- What a CRM merged itself, and what two CRMs both know.
links as (

    select
        loser_id,
        survivor_id
    from own
    union
    {{ links_between_crms('records', 'company_id', 'domain') }}

),

{{ surviving_records('links', 'company_id') }}
