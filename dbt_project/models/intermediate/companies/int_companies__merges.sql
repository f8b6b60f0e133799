-- Companies that were merged away, and the one each of them became; one domain in two CRMs is one company.
{{ merged_records('companies', 'company_id', 'domain') }}
