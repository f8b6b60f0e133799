-- Companies that are one, link by link: merged in a CRM, or of one domain in two CRMs.
{{ record_links('companies', 'company_id', 'domain', 'same_domain') }}
