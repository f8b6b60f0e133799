{#-
What became of a meeting in Pipedrive, which has no outcome: the type a person gave it says that it did not take place, the mark
that it is done that it did. One that nobody marked is still to be held, or nobody knows.
-#}
{% macro pipedrive_outcome() -%}
    case
        when type_says in ('no_show', 'canceled') then type_says
        when is_done then 'completed'
        else 'scheduled'
    end
{%- endmacro %}
