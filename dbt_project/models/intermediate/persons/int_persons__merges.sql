-- Contacts that were merged away, and the person each of them became; one address in two CRMs is one person.
{{ merged_records('contacts', 'contact_id', 'email_hash', 'email_hashes', heeds_deletions=true) }}
