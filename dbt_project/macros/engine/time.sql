{#-
  Time. A timestamp in the warehouse is a plain UTC timestamp (microseconds); a date is cut in the reporting time zone by
  `reporting_date` and nowhere else.
-#}
{% macro utc_timestamp(expression) -%}
    {{- return(adapter.dispatch('utc_timestamp', 'kpilote')(expression)) -}}
{%- endmacro %}
{% macro default__utc_timestamp(expression) -%} cast({{ expression }} as timestamp) {%- endmacro %}
{% macro duckdb__utc_timestamp(expression) -%} timezone('UTC', cast({{ expression }} as timestamptz)) {%- endmacro %}

{% macro reporting_date(timestamp) -%}
    {{- return(adapter.dispatch('reporting_date', 'kpilote')(timestamp)) -}}
{%- endmacro %}
{% macro default__reporting_date(timestamp) -%}
    cast(from_utc_timestamp({{ timestamp }}, '{{ reporting_timezone() }}') as date)
{%- endmacro %}
{% macro duckdb__reporting_date(timestamp) -%}
    cast(timezone('{{ reporting_timezone() }}', timezone('UTC', {{ timestamp }})) as date)
{%- endmacro %}

{#- The UTC instant at which a reporting day begins. -#}
{% macro reporting_midnight(date) -%}
    {{- return(adapter.dispatch('reporting_midnight', 'kpilote')(date)) -}}
{%- endmacro %}
{% macro default__reporting_midnight(date) -%}
    to_utc_timestamp(cast({{ date }} as timestamp), '{{ reporting_timezone() }}')
{%- endmacro %}
{% macro duckdb__reporting_midnight(date) -%}
    timezone('UTC', timezone('{{ reporting_timezone() }}', cast({{ date }} as timestamp)))
{%- endmacro %}

{#- Microseconds since 1970, as bigint: instants compare and pack exactly. -#}
{% macro epoch_microseconds(timestamp) -%}
    {{- return(adapter.dispatch('epoch_microseconds', 'kpilote')(timestamp)) -}}
{%- endmacro %}
{% macro default__epoch_microseconds(timestamp) -%} unix_micros({{ timestamp }}) {%- endmacro %}
{% macro duckdb__epoch_microseconds(timestamp) -%} epoch_us({{ timestamp }}) {%- endmacro %}

{#- Days between two timestamps as a double, to the microsecond. -#}
{% macro days_between(earlier, later) -%}
    cast({{ epoch_microseconds(later) }} - {{ epoch_microseconds(earlier) }} as double) / 86400000000.0
{%- endmacro %}

{#- A date some whole days later (or earlier). -#}
{% macro add_days(date, days) -%}
    {{- return(adapter.dispatch('add_days', 'kpilote')(date, days)) -}}
{%- endmacro %}
{% macro default__add_days(date, days) -%} date_add({{ date }}, cast({{ days }} as int)) {%- endmacro %}
{% macro duckdb__add_days(date, days) -%} ({{ date }} + cast({{ days }} as integer)) {%- endmacro %}

{#- First day of the period a date is in; weeks are ISO weeks and start on Monday. -#}
{% macro period_start(date, cadence) -%}
    cast(date_trunc('{{ cadence }}', {{ date }}) as date)
{%- endmacro %}

{#-
One row per day, `date_day`, of each row's span: from `first` to `last`, both dates of the relation and both included; no
row where `last` is before `first`.
-#}
{% macro span_days(relation, columns, first, last) -%}
    {{- return(adapter.dispatch('span_days', 'kpilote')(relation, columns, first, last)) -}}
{%- endmacro %}

{% macro default__span_days(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        explode(sequence({{ first }}, {{ last }}, interval 1 day)) as date_day
    from {{ relation }}
    where {{ first }} <= {{ last }}
{%- endmacro %}

{% macro duckdb__span_days(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        {{ first }} + cast(unnest(range(cast({{ last }} - {{ first }} as bigint) + 1)) as integer) as date_day
    from {{ relation }}
{%- endmacro %}

{#- One row per month, `month` (its first day), that holds a day of each row's span; no row where `last` is before `first`. -#}
{% macro span_months(relation, columns, first, last) -%}
    {{- return(adapter.dispatch('span_months', 'kpilote')(relation, columns, first, last)) -}}
{%- endmacro %}

{% macro default__span_months(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        explode(sequence({{ period_start(first, 'month') }}, {{ last }}, interval 1 month)) as month
    from {{ relation }}
    where {{ first }} <= {{ last }}
{%- endmacro %}

{% macro duckdb__span_months(relation, columns, first, last) -%}
    select
        {% for column in columns %}{{ column }}, {% endfor -%}
        cast(
            unnest(generate_series(date_trunc('month', {{ first }}::timestamp), {{ last }}::timestamp, interval 1 month))
            as date
        ) as month
    from {{ relation }}
    where {{ first }} <= {{ last }}
{%- endmacro %}

{#- A vendor's text as an instant: ISO 8601 or milliseconds since 1970; NULL when it is neither. -#}
{% macro parse_instant(text) -%}
    {{- return(adapter.dispatch('parse_instant', 'kpilote')(text)) -}}
{%- endmacro %}
{% macro default__parse_instant(text) -%}
    coalesce(try_to_timestamp({{ text }}), timestamp_millis(try_cast({{ text }} as bigint)))
{%- endmacro %}
{% macro duckdb__parse_instant(text) -%}
    coalesce(timezone('UTC', try_cast({{ text }} as timestamptz)), make_timestamp_ms(try_cast({{ text }} as bigint)))
{%- endmacro %}
