-- Which load speaks for which day of the visits log: what incremental models compare themselves with. A table, so that
-- every model of one run agrees on it.

{{ window_owners('matomo', 'visits', 'visit_date') }}
