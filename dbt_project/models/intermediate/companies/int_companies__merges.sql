-- Companies that were merged away, and the one each of them became.
{{ merged_records('int_companies__links', 'company_id') }}
