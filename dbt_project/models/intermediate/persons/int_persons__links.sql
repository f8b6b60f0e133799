-- Contacts that are one person, link by link: merged in a CRM, or of one address in two CRMs.
{{ record_links(
    'contacts', 'contact_id', 'email_hash', 'same_address',
    values_column='email_hashes', heeds_deletions=true, doubtful='is_role_address', test='is_test'
) }}
