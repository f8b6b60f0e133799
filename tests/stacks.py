"""The three sets of vendors through which tests see the company, by the CRM in them, as KPILOTE_SOURCES holds them."""

STACKS = {
    "hubspot": "hubspot,ga4,mailchimp,spreadsheets",
    "salesforce": "salesforce,matomo,brevo,spreadsheets",
    "pipedrive": "pipedrive,ga4,klaviyo,spreadsheets",
}
