-- Whose address an email hash is. Two persons with one address: the one known first has it, then the smaller id; an
-- address of very many is nobody's.
with

contacts as (

    select
        contact_id,
        email_hash
    from {{ all_of('contacts') }}
    where email_hash is not null

),

members as (

    select
        contact_id,
        person_id
    from {{ ref('int_persons__contacts') }}

),

persons as (

    select
        person_id,
        created_at
    from {{ ref('int_persons__unified') }}

),

shared as (

    select contacts.email_hash
    from contacts
    inner join members on contacts.contact_id = members.contact_id
    group by contacts.email_hash
    having count(distinct members.person_id) > {{ var('identity_most_persons_per_address') }}

),

ranked as (

    select
        contacts.email_hash,
        members.person_id,
        row_number() over (partition by contacts.email_hash order by persons.created_at, persons.person_id) as choice
    from contacts
    inner join members on contacts.contact_id = members.contact_id
    inner join persons on members.person_id = persons.person_id
    where contacts.email_hash not in (select shared.email_hash from shared)

)

select
    email_hash,
    person_id
from ranked
where choice = 1
