-- Which load speaks for which day of the export: what incremental models compare themselves with. A table, so that
-- every model of one run agrees on it.

{{ window_owners('ga4', 'events', 'event_date') }}
