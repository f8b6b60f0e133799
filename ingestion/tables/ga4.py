"""GA4's lake tables: user-level events of the BigQuery export, and the Data API's daily report with its quality
flags.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

EVENTS = Table(
    source="ga4",
    name="events",
    kind="window",
    day_column="event_date",
    key=("event_date", "client_id", "event_timestamp", "event_name", "event_ordinal"),
    description="Events of the export, flattened. Whole days are replaced; late events arrive for about 72 hours.",
    identifiers=(
        Identifier("client_id", "client"),
        Identifier("user_id_hash", "hash"),
        Identifier("transaction_id", "order", "link"),
    ),
    urls=("page_location",),
    columns=(
        Column("event_date", "date", "Day in the property's own time zone.", nullable=False),
        Column("event_timestamp", "timestamp", "When it happened.", nullable=False),
        Column("event_name", "string", "session_start, page_view, purchase, …", nullable=False),
        Column("client_id", "string", "Browser id (user_pseudo_id); null where consent was refused."),
        Column("user_id_hash", "string", "HMAC of the login id."),
        Column("session_id", "integer", "ga_session_id; unique only together with client_id."),
        Column("session_engaged", "boolean", "GA4 held the session for engaged at this event."),
        Column("engagement_ms", "integer", "Engagement time reported with this event, milliseconds."),
        Column("page_location", "string", "URL without addresses."),
        Column("referrer_host", "string", "Host of the page that led to this one; null within one site."),
        Column("click_id", "string", "Kind of click id in the URL: gclid, fbclid, …"),
        Column("source", "string", "Source of the session's last click."),
        Column("medium", "string", "Medium of the session's last click."),
        Column("campaign", "string", "Campaign of the session's last click."),
        Column("content", "string", "Ad or link within the campaign (utm_content) of the session's last click."),
        Column("country", "string", "Country as GA4 names it."),
        Column("device", "string", "desktop, mobile or tablet."),
        Column("transaction_id", "string", "Order id of purchase and refund events."),
        Column("value", "decimal", "Value of the event in `currency`."),
        Column("currency", "string", "ISO 4217 code."),
        Column(
            "event_ordinal",
            "integer",
            "Number among events equal in every other part of the key, from 0.",
            nullable=False,
        ),
    ),
)
DAILY_TRAFFIC = Table(
    source="ga4",
    name="daily_traffic",
    kind="window",
    day_column="report_date",
    key=("report_date", "source", "medium", "campaign", "channel_group"),
    description="The Data API's own daily totals. Users must not be added up over days.",
    columns=(
        Column("report_date", "date", "Day in the property's own time zone.", nullable=False),
        Column("source", "string", "sessionSource.", nullable=False),
        Column("medium", "string", "sessionMedium.", nullable=False),
        Column("campaign", "string", "sessionCampaignName.", nullable=False),
        Column("channel_group", "string", "sessionDefaultChannelGroup.", nullable=False),
        Column("sessions", "integer", "Sessions.", as_text=True),
        Column("engaged_sessions", "integer", "Engaged sessions.", as_text=True),
        Column("total_users", "integer", "Users of the day; not additive.", as_text=True),
        Column("key_events", "double", "Key events.", as_text=True),
    ),
)
REPORT_METADATA = Table(
    source="ga4",
    name="report_metadata",
    kind="window",
    day_column="report_date",
    key=("report_date",),
    description="What GA4 says about the quality of each day's report.",
    columns=(
        Column("report_date", "date", "Day in the property's own time zone.", nullable=False),
        Column("time_zone", "string", "The property's time zone: it cuts report_date and event_date."),
        Column("currency", "string", "The property's currency."),
        Column("subject_to_thresholding", "boolean", "Rows were withheld to protect users."),
        Column("data_loss_from_other_row", "boolean", "Values were folded into an (other) row."),
        Column("sampled", "boolean", "The report read a sample of the events."),
        Column("empty_reason", "string", "Why the report is empty, where it is."),
    ),
)

SOURCE = Source(
    name="ga4",
    label="Google Analytics 4",
    description="Web analytics: event export files and the Data API's daily reports.",
    kind="analytics",
    tables={table.name: table for table in (EVENTS, DAILY_TRAFFIC, REPORT_METADATA)},
)
