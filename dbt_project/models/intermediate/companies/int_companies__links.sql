-- Companies that are one, link by link: merged in a CRM, or of one domain in two CRMs. An organization that Pipedrive
-- no longer lists may have been merged: the other CRM's record stands.
{{ record_links('companies', 'company_id', 'domain', 'same_domain') }}
