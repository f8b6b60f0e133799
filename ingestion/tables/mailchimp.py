"""Mailchimp's lake tables. What recipients did is filed under the day their campaign was sent, and re-read for 30
days.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

_CAMPAIGN = Column("campaign_id", "string", "Campaign id.", nullable=False)
_EMAIL_HASH = Column("email_hash", "string", "HMAC of the normalised email.", nullable=False)
_RECIPIENT = Identifier("email_hash", "hash")
_SEND_DAY = Column("send_day", "date", "UTC day the campaign was sent.", nullable=False)

LISTS = Table(
    source="mailchimp",
    name="lists",
    kind="record",
    key=("list_id",),
    description="Audiences.",
    columns=(
        Column("list_id", "string", "Audience id.", nullable=False),
        Column("name", "string", "Audience name."),
        Column("created_at", "timestamp", "When it was created."),
        Column("member_count", "integer", "Subscribed members now."),
        Column("unsubscribe_count", "integer", "Unsubscribed members now."),
    ),
)
MEMBERS = Table(
    source="mailchimp",
    name="members",
    kind="record",
    key=("list_id", "member_id"),
    updated_column="last_changed",
    description="Members of audiences with their subscription status. No name, no address.",
    identifiers=(Identifier("member_id", "hash"), _RECIPIENT),
    free_text=("email_domain",),
    columns=(
        Column("member_id", "string", "HMAC of Mailchimp's id, itself made from the address.", nullable=False),
        Column("list_id", "string", "Audience id.", nullable=False),
        Column("email_hash", "string", "HMAC of the normalised email."),
        Column("email_domain", "string", "Domain of the email where it is a company's."),
        Column("status", "string", "subscribed, unsubscribed, cleaned, pending, transactional or archived."),
        Column("opted_in_at", "timestamp", "When the member opted in."),
        Column("last_changed", "timestamp", "When the member last changed."),
    ),
)
CAMPAIGNS = Table(
    source="mailchimp",
    name="campaigns",
    kind="record",
    key=("campaign_id",),
    description="Email campaigns.",
    columns=(
        _CAMPAIGN,
        Column("list_id", "string", "Audience it was sent to."),
        Column("title", "string", "Internal title."),
        Column("subject", "string", "Subject line."),
        Column("utm_campaign", "string", "Campaign name put into the links."),
        Column("status", "string", "save, paused, schedule, sending or sent."),
        Column("send_time", "timestamp", "When it was sent."),
        Column("emails_sent", "integer", "Recipients."),
    ),
)
REPORTS = Table(
    source="mailchimp",
    name="reports",
    kind="record",
    key=("campaign_id",),
    description="Mailchimp's own totals per campaign; used to reconcile the recipient-level rows.",
    columns=(
        _CAMPAIGN,
        Column("emails_sent", "integer", "Recipients."),
        Column("opens_total", "integer", "Opens, machines included."),
        Column("unique_opens", "integer", "Recipients who opened, machines included."),
        Column("clicks_total", "integer", "Clicks."),
        Column("unique_clicks", "integer", "Recipients who clicked, as Mailchimp counts them."),
        Column("hard_bounces", "integer", "Hard bounces."),
        Column("soft_bounces", "integer", "Soft bounces."),
        Column("unsubscribed", "integer", "Recipients who unsubscribed."),
        Column("send_time", "timestamp", "When the campaign was sent."),
    ),
)
SENDS = Table(
    source="mailchimp",
    name="sends",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash"),
    description="One row per recipient of a campaign.",
    identifiers=(_RECIPIENT,),
    columns=(
        _SEND_DAY,
        _CAMPAIGN,
        _EMAIL_HASH,
        Column("status", "string", "sent, hard or soft (bounces)."),
    ),
)
EMAIL_ACTIVITY = Table(
    source="mailchimp",
    name="email_activity",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash", "action", "occurred_at", "ordinal"),
    description="Opens, clicks and bounces of recipients.",
    identifiers=(_RECIPIENT,),
    urls=("url",),
    columns=(
        _SEND_DAY,
        _CAMPAIGN,
        _EMAIL_HASH,
        Column("action", "string", "open, click or bounce.", nullable=False),
        Column("occurred_at", "timestamp", "When it happened.", nullable=False),
        Column("url", "string", "Link clicked, without addresses."),
        Column(
            "is_machine",
            "boolean",
            "It came from a mail proxy's address range; the address itself is dropped.",
            nullable=False,
        ),
        Column("ordinal", "integer", "Number among rows equal in every other part of the key, from 0.", nullable=False),
    ),
)
UNSUBSCRIBES = Table(
    source="mailchimp",
    name="unsubscribes",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash"),
    description="Recipients who unsubscribed through a campaign.",
    identifiers=(_RECIPIENT,),
    free_text=("reason",),
    columns=(
        _SEND_DAY,
        _CAMPAIGN,
        _EMAIL_HASH,
        Column("occurred_at", "timestamp", "When it happened."),
        Column("reason", "string", "Reason chosen; addresses in free text are removed."),
    ),
)

SOURCE = Source(
    name="mailchimp",
    label="Mailchimp",
    description="Email platform: audiences, campaigns and what recipients did.",
    kind="email",
    tables={table.name: table for table in (LISTS, MEMBERS, CAMPAIGNS, REPORTS, SENDS, EMAIL_ACTIVITY, UNSUBSCRIBES)},
)
