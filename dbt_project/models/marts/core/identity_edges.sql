with

contacts as (

    select
        contact_id,
        email_hash,
        created_at
    from {{ all_of('contacts') }}

),

members as (

    select
        contact_id,
        person_id
    from {{ ref('int_persons__contacts') }}

),

person_links as (

    select
        loser_id,
        survivor_id,
        evidence,
        refused
    from {{ ref('int_persons__links') }}

),

emails as (

    select
        email_hash,
        person_id
    from {{ ref('int_persons__emails') }}

),

client_links as (

    select
        client_id,
        contact_id,
        person_id,
        evidence,
        first_seen_at,
        refused
    from {{ ref('int_persons__client_links') }}

),

clients as (

    select
        client_id,
        person_id
    from {{ ref('int_persons__clients') }}

),

companies as (

    select
        company_id,
        created_at
    from {{ all_of('companies') }}

),

standing as (

    select company_id
    from {{ ref('int_companies__unified') }}

),

company_links as (

    select
        loser_id,
        survivor_id,
        evidence,
        refused
    from {{ ref('int_companies__links') }}

),

company_merges as (

    select
        company_id,
        survivor_id
    from {{ ref('int_companies__merges') }}

),

edges as (

    -- A contact is its own person's first evidence.
    select
        'contact' as identifier_type,
        'record' as evidence,
        contacts.contact_id as told_by,
        contacts.contact_id as identifier,
        members.person_id,
        cast(null as {{ dbt.type_string() }}) as company_id,
        contacts.created_at as first_seen_at,
        cast(null as {{ dbt.type_string() }}) as unused_because
    from contacts
    inner join members on contacts.contact_id = members.contact_id and contacts.contact_id = members.person_id
    union all
    select
        'contact' as identifier_type,
        person_links.evidence,
        person_links.survivor_id as told_by,
        person_links.loser_id as identifier,
        members.person_id,
        null as company_id,
        greatest(survivors.created_at, coalesce(losers.created_at, survivors.created_at)) as first_seen_at,
        person_links.refused as unused_because
    from person_links
    inner join members on person_links.survivor_id = members.contact_id
    inner join contacts as survivors on person_links.survivor_id = survivors.contact_id
    left join contacts as losers on person_links.loser_id = losers.contact_id
    union all
    select
        'address' as identifier_type,
        'record' as evidence,
        contacts.contact_id as told_by,
        contacts.email_hash as identifier,
        members.person_id,
        null as company_id,
        contacts.created_at as first_seen_at,
        case
            when emails.person_id is null then 'shared'
            when emails.person_id != members.person_id then 'known_later'
        end as unused_because
    from contacts
    inner join members on contacts.contact_id = members.contact_id
    left join emails on contacts.email_hash = emails.email_hash
    where contacts.email_hash is not null
    union all
    select
        'browser' as identifier_type,
        client_links.evidence,
        client_links.contact_id as told_by,
        client_links.client_id as identifier,
        client_links.person_id,
        null as company_id,
        client_links.first_seen_at,
        case
            when client_links.refused is not null then client_links.refused
            when clients.person_id is null then 'shared'
            when clients.person_id != client_links.person_id then 'known_later'
        end as unused_because
    from client_links
    left join clients on client_links.client_id = clients.client_id
    union all
    select
        'company' as identifier_type,
        'record' as evidence,
        standing.company_id as told_by,
        standing.company_id as identifier,
        null as person_id,
        standing.company_id,
        companies.created_at as first_seen_at,
        null as unused_because
    from standing
    inner join companies on standing.company_id = companies.company_id
    union all
    select
        'company' as identifier_type,
        company_links.evidence,
        company_links.survivor_id as told_by,
        company_links.loser_id as identifier,
        null as person_id,
        standing.company_id,
        greatest(survivors.created_at, coalesce(losers.created_at, survivors.created_at)) as first_seen_at,
        company_links.refused as unused_because
    from company_links
    left join company_merges on company_links.survivor_id = company_merges.company_id
    inner join standing on coalesce(company_merges.survivor_id, company_links.survivor_id) = standing.company_id
    inner join companies as survivors on company_links.survivor_id = survivors.company_id
    left join companies as losers on company_links.loser_id = losers.company_id

),

final as (

    select
        identifier_type,
        evidence,
        told_by,
        identifier,
        person_id,
        company_id,
        first_seen_at,
        unused_because is null as is_used,
        unused_because
    from edges

)

select * from final
