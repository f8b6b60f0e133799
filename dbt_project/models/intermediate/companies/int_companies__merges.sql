-- Companies that were merged away, and the one each of them became; one domain in two CRMs is one company. An
-- organization that Pipedrive no longer lists may have been merged: the other CRM's record stands.
{{ merged_records('companies', 'company_id', 'domain') }}
