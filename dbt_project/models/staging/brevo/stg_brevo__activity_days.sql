-- Which load speaks for the activity of the campaigns sent on a day; a table for the reason given in
-- stg_ga4__event_days.

{{ window_owners('brevo', 'email_activity', 'send_day') }}
