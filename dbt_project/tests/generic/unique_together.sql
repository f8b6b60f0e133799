{% test unique_together(model, columns) %}
-- Rows that share the columns which together name one row.
select
    {{ columns | join(', ') }},
    count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
