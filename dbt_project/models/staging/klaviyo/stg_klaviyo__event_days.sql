-- Which load speaks for the events of a UTC day; a table for the reason given in stg_ga4__event_days. Computed once:
-- sends, activity and unsubscribes all come from these events.

{{ window_owners('klaviyo', 'events', 'event_day') }}
