-- Every CRM contact that belongs to a person who counts, with that person: the survivor of its merges. A person whose
-- surviving contact is archived or a test does not count, and none of its contacts does.
with

contacts as (

    select
        contact_id,
        is_test,
        is_archived
    from {{ all_of('contacts') }}

),

merged as (

    select
        contact_id,
        survivor_id
    from {{ ref('int_persons__merges') }}

),

-- A survivor that was merged at once may name losers the CRM never served on their own.
known as (

    select
        contact_id,
        contact_id as person_id
    from contacts
    where contact_id not in (select merged.contact_id from merged)
    union all
    select
        contact_id,
        survivor_id as person_id
    from merged

)

select
    known.contact_id,
    known.person_id
from known
inner join contacts as survivors on known.person_id = survivors.contact_id
where not survivors.is_test and not survivors.is_archived
