-- Contacts that were merged away, and the person each of them became.
{{ merged_records('int_persons__links', 'contact_id') }}
