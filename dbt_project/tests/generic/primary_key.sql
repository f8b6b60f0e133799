{% test primary_key(model, column_name=none, columns=none) %}
-- Keys that name more than one row, or lack one of their columns.
{%- set key = columns or [column_name] %}
select
    {{ key | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ key | join(', ') }}
having count(*) > 1 or {{ key | join(' is null or ') }} is null
{% endtest %}
