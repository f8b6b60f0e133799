-- Whose browser an analytics client id is. Two persons on one browser: the one known first has it, then the smaller
-- id; a browser of very many is nobody's.
with

links as (

    select
        client_id,
        person_id
    from {{ ref('int_persons__client_links') }}
    where refused is null

),

persons as (

    select
        person_id,
        created_at
    from {{ ref('int_persons__unified') }}

),

shared as (

    select client_id
    from links
    group by client_id
    having count(distinct person_id) > {{ var('identity_most_persons_per_browser') }}

),

ranked as (

    select
        links.client_id,
        links.person_id,
        row_number() over (partition by links.client_id order by persons.created_at, persons.person_id) as choice
    from links
    inner join persons on links.person_id = persons.person_id
    where links.client_id not in (select shared.client_id from shared)

)

select
    client_id,
    person_id
from ranked
where choice = 1
