-- Whose address an email hash is. Two persons with one address: the one known first has it, then the smaller id.
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

ranked as (

    select
        contacts.email_hash,
        members.person_id,
        row_number() over (partition by contacts.email_hash order by persons.created_at, persons.person_id) as choice
    from contacts
    inner join members on contacts.contact_id = members.contact_id
    inner join persons on members.person_id = persons.person_id

)

select
    email_hash,
    person_id
from ranked
where choice = 1
