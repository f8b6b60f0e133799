-- What links a browser to a person: a form of theirs that captured it, or a login. A login id that was seen on very
-- many browsers is a word of the site's for nobody (undefined, 0), and links none.
with

contacts as (

    select
        contact_id,
        client_id,
        user_key_hash,
        created_at
    from {{ all_of('contacts') }}

),

members as (

    select
        contact_id,
        person_id
    from {{ ref('int_persons__contacts') }}

),

logins as (

    select
        client_id,
        user_id_hash,
        min(started_at) as first_seen_at
    from {{ all_of('session_parts') }}
    where user_id_hash is not null
    group by client_id, user_id_hash

),

browsers as (

    select
        user_id_hash,
        count(*) as browsers
    from logins
    group by user_id_hash

)

select
    contacts.client_id,
    contacts.contact_id,
    members.person_id,
    'form' as evidence,
    contacts.created_at as first_seen_at,
    cast(null as {{ dbt.type_string() }}) as refused
from contacts
inner join members on contacts.contact_id = members.contact_id
where contacts.client_id is not null
union all
select
    logins.client_id,
    contacts.contact_id,
    members.person_id,
    'login' as evidence,
    logins.first_seen_at,
    case when browsers.browsers > {{ var('identity_most_browsers_per_login') }} then 'shared' end as refused
from logins
inner join browsers on logins.user_id_hash = browsers.user_id_hash
inner join contacts on logins.user_id_hash = contacts.user_key_hash
inner join members on contacts.contact_id = members.contact_id
