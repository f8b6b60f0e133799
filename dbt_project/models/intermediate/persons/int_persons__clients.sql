-- Whose browser an analytics client id is: a form of the person's captured it, or the person logged in with it once.
-- Two persons on one browser: the one known first has it, then the smaller id.
with

contacts as (

    select
        contact_id,
        client_id,
        user_key_hash
    from {{ all_of('contacts') }}

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

logins as (

    select distinct
        client_id,
        user_id_hash
    from {{ all_of('session_parts') }}
    where user_id_hash is not null

),

links as (

    select
        contacts.client_id,
        members.person_id
    from contacts
    inner join members on contacts.contact_id = members.contact_id
    where contacts.client_id is not null
    union all
    select
        logins.client_id,
        members.person_id
    from logins
    inner join contacts on logins.user_id_hash = contacts.user_key_hash
    inner join members on contacts.contact_id = members.contact_id

),

ranked as (

    select
        links.client_id,
        links.person_id,
        row_number() over (partition by links.client_id order by persons.created_at, persons.person_id) as choice
    from links
    inner join persons on links.person_id = persons.person_id

)

select
    client_id,
    person_id
from ranked
where choice = 1
