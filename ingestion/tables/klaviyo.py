"""Klaviyo's lake tables. Everything a recipient did is an event, filed under its own UTC day; late ones are caught by
reading the last days again.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

_PROFILE_ID = "HMAC of Klaviyo's profile id."
_EMAIL_HASH = "HMAC of the normalised email."
_PERSON = (Identifier("profile_id", "hash"), Identifier("email_hash", "hash"))

METRICS = Table(
    source="klaviyo",
    name="metrics",
    kind="record",
    key=("metric_id",),
    description="Kinds of events the account knows.",
    columns=(
        Column("metric_id", "string", "Metric id.", nullable=False),
        Column("name", "string", "Name, e.g. Opened Email."),
        Column("integration", "string", "Integration that sends these events; Klaviyo's own reads Klaviyo."),
        Column("created_at", "timestamp", "When it was created."),
        Column("updated_at", "timestamp", "When it last changed."),
    ),
)
LISTS = Table(
    source="klaviyo",
    name="lists",
    kind="record",
    key=("list_id",),
    description="Lists people subscribe to.",
    columns=(
        Column("list_id", "string", "List id.", nullable=False),
        Column("name", "string", "List name."),
        Column("opt_in_process", "string", "single_opt_in or double_opt_in."),
        Column("created_at", "timestamp", "When it was created."),
        Column("updated_at", "timestamp", "When it last changed."),
    ),
)
PROFILES = Table(
    source="klaviyo",
    name="profiles",
    kind="record",
    key=("profile_id",),
    updated_column="updated_at",
    description="People with their consent to email marketing. No name, no address, no phone.",
    identifiers=_PERSON,
    free_text=("email_domain",),
    columns=(
        Column("profile_id", "string", _PROFILE_ID, nullable=False),
        Column("email_hash", "string", _EMAIL_HASH),
        Column("email_domain", "string", "Domain of the email where it is a company's."),
        Column("consent", "string", "SUBSCRIBED, UNSUBSCRIBED or NEVER_SUBSCRIBED, over all lists."),
        Column("consented_at", "timestamp", "When consent was given or taken back."),
        Column("can_receive", "boolean", "Whether nothing suppresses the address everywhere."),
        Column("suppression", "string", "Newest reason why it is suppressed everywhere, e.g. HARD_BOUNCE."),
        Column("suppressed_at", "timestamp", "Since when."),
        Column("suppressed_list_ids", "strings", "Lists it is suppressed on."),
        Column("archived", "boolean", "Gone from Klaviyo: deleted, or merged into another profile."),
        Column("archived_at", "timestamp", "When the pull found it gone."),
        Column("created_at", "timestamp", "When the profile was created."),
        Column("updated_at", "timestamp", "When the profile last changed."),
    ),
)
CAMPAIGNS = Table(
    source="klaviyo",
    name="campaigns",
    kind="record",
    key=("campaign_id",),
    updated_column="updated_at",
    description="Email campaigns, those put away too.",
    columns=(
        Column("campaign_id", "string", "Campaign id.", nullable=False),
        Column("message_ids", "strings", "Ids of its messages, by which events name the campaign."),
        Column("list_ids", "strings", "Lists and segments it was sent to."),
        Column("name", "string", "Campaign name."),
        Column("subject", "string", "Subject line of its first message."),
        Column("utm_campaign", "string", "Campaign name in the links, where the tracking options tell it."),
        Column("status", "string", "Draft, Scheduled, Sending, Sent, Cancelled …"),
        Column("archived", "boolean", "Put away by somebody; it was sent all the same."),
        Column("send_time", "timestamp", "When it was or will be sent."),
        Column("created_at", "timestamp", "When it was created."),
        Column("updated_at", "timestamp", "When it last changed."),
    ),
)
EVENTS = Table(
    source="klaviyo",
    name="events",
    kind="window",
    day_column="event_day",
    key=("event_id",),
    description="Emails received, bounced, opened, clicked and left, one row per event and recipient.",
    identifiers=_PERSON,
    urls=("url",),
    columns=(
        Column("event_day", "date", "UTC day it happened.", nullable=False),
        Column("event_id", "string", "Event id.", nullable=False),
        Column("metric", "string", "Kind of event, by Klaviyo's name.", nullable=False),
        Column("profile_id", "string", _PROFILE_ID),
        Column("email_hash", "string", _EMAIL_HASH),
        Column("message_id", "string", "Message, or campaign, the event is about."),
        Column("flow_id", "string", "Automation that sent the message; empty for campaigns."),
        Column("bounce_type", "string", "Hard or Soft."),
        Column("url", "string", "Link clicked, without addresses or what names the profile."),
        Column("is_machine", "boolean", "Klaviyo takes it for a mail proxy's or a scanner's.", nullable=False),
        Column(
            "ordinal", "integer", "Number among events of one kind, message, person and second, from 0.", nullable=False
        ),
        Column("occurred_at", "timestamp", "When it happened, to the second.", nullable=False),
    ),
)

SOURCE = Source(
    name="klaviyo",
    label="Klaviyo",
    description="Email platform: profiles, campaigns and every event of a recipient.",
    kind="email",
    tables={table.name: table for table in (METRICS, LISTS, PROFILES, CAMPAIGNS, EVENTS)},
)
