with

source as (

    {{ latest_windows('ga4', 'report_metadata', 'report_date') }}

)

select
    -- strings
    time_zone,
    currency,
    empty_reason,

    -- booleans
    subject_to_thresholding as is_subject_to_thresholding,
    data_loss_from_other_row as has_data_loss,
    sampled as is_sampled,

    -- dates
    report_date
from source
