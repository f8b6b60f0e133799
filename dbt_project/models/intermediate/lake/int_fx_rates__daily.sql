-- Units of the reporting currency per unit of each currency and day. What has no rate here becomes NULL downstream and
-- stops at the gates.
{{ config(meta={'month_of': 'date_day'}) }}

select
    currency,
    date_day,
    rate
from {{ ref('stg_spreadsheets__fx_rates') }}
where currency != '{{ reporting_currency() }}'
