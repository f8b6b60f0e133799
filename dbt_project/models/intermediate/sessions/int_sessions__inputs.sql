-- What the sessions of a day are made of: days of the export, by the load that speaks for them and by what cut them
-- into parts. A session of several parts belongs to the day of the first.
{{ config(meta={'month_of': 'session_date', 'stands_for': models_behind('session_parts')}) }}

with

parts as (

    select
        client_id,
        session_id,
        session_date,
        event_date,
        load_id,
        made_by
    from {{ all_of('session_parts') }}

),

spans as (

    select
        client_id,
        session_id,
        min(session_date) as session_date
    from parts
    group by client_id, session_id
    having count(*) > 1

)

select
    session_date,
    event_date,
    load_id,
    made_by
from parts
union
select
    spans.session_date,
    parts.event_date,
    parts.load_id,
    parts.made_by
from spans
inner join parts on spans.client_id = parts.client_id and spans.session_id = parts.session_id
