-- Colleagues, leavers included, by the name the KPIs show.
select
    owner_id,
    {{ or_none("nullif(trim(concat(coalesce(first_name, ''), ' ', coalesce(last_name, ''))), '')") }} as owner,
    {{ or_none('team') }} as team,
    not is_archived as is_active
from {{ all_of('owners') }}
