"""Brevo's lake tables. What recipients did is filed under the day their campaign was sent, and re-read for 30 days;
transactional messages are filed under the day of the event.

Brevo tells how often a link was clicked or a message opened from one address of the net, but only one instant of it:
`times` holds the number.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

_CAMPAIGN = Column("campaign_id", "string", "Campaign id.", nullable=False)
_EMAIL_HASH = Column("email_hash", "string", "HMAC of the normalised email.", nullable=False)
_RECIPIENT = Identifier("email_hash", "hash")
_SEND_DAY = Column("send_day", "date", "UTC day the campaign was sent.", nullable=False)
_ORDINAL = Column(
    "ordinal", "integer", "Number among rows equal in every other part of the key, from 0.", nullable=False
)

LISTS = Table(
    source="brevo",
    name="lists",
    kind="record",
    key=("list_id",),
    description="Lists of contacts.",
    columns=(
        Column("list_id", "string", "List id.", nullable=False),
        Column("name", "string", "List name."),
        Column("folder_id", "string", "Folder the list lies in."),
        Column("subscribers", "integer", "Contacts in the list that may be mailed, now."),
        Column("blacklisted", "integer", "Contacts in the list that may not be mailed, now."),
    ),
)
CONTACTS = Table(
    source="brevo",
    name="contacts",
    kind="record",
    key=("contact_id",),
    updated_column="updated_at",
    description="Contacts with their right to be mailed. No name, no phone, no attribute, no address.",
    identifiers=(Identifier("contact_id", "recipient"), _RECIPIENT),
    free_text=("email_domain",),
    columns=(
        Column("contact_id", "string", "Brevo's number of the contact; not made from the address.", nullable=False),
        Column("email_hash", "string", "HMAC of the normalised email; null for contacts known by phone only."),
        Column("email_domain", "string", "Domain of the email where it is a company's."),
        Column("is_blacklisted", "boolean", "May not be mailed: left, bounced hard, complained or was barred."),
        Column("list_ids", "strings", "Lists the contact is in."),
        Column("unsubscribed_list_ids", "strings", "Lists the contact left, where the account lets people leave one."),
        Column("created_at", "timestamp", "When the contact was created."),
        Column("updated_at", "timestamp", "When it last changed; for one that is gone, when that was seen."),
        Column("archived", "boolean", "Gone: Brevo no longer lists it.", nullable=False),
        Column("archived_at", "timestamp", "When it was seen to be gone."),
    ),
)
CAMPAIGNS = Table(
    source="brevo",
    name="campaigns",
    kind="record",
    key=("campaign_id",),
    description="Email campaigns that were sent.",
    columns=(
        _CAMPAIGN,
        Column("name", "string", "Internal name."),
        Column("subject", "string", "Subject line."),
        Column("tag", "string", "Tag."),
        Column("utm_campaign", "string", "Campaign name put into the links."),
        Column("status", "string", "sent or archive."),
        Column("list_ids", "strings", "Lists it was sent to."),
        Column("created_at", "timestamp", "When it was created."),
        Column("sent_at", "timestamp", "When it was sent."),
    ),
)
CAMPAIGN_STATISTICS = Table(
    source="brevo",
    name="campaign_statistics",
    kind="record",
    key=("campaign_id",),
    description="Brevo's own totals per campaign, to reconcile recipients with; none it forgot is a zero here.",
    columns=(
        _CAMPAIGN,
        Column("sent", "integer", "Recipients."),
        Column("delivered", "integer", "Recipients it reached."),
        Column("hard_bounces", "integer", "Hard bounces."),
        Column("soft_bounces", "integer", "Soft bounces."),
        Column("opens", "integer", "Opens, machines included."),
        Column("unique_opens", "integer", "Recipients who opened, machines included."),
        Column("trackable_opens", "integer", "Recipients who opened without a mail proxy in between."),
        Column("clicks", "integer", "Clicks."),
        Column("unique_clicks", "integer", "Recipients who clicked."),
        Column("unsubscribes", "integer", "Recipients who unsubscribed."),
        Column("complaints", "integer", "Recipients who complained."),
        Column("sent_at", "timestamp", "When the campaign was sent."),
        Column("read_at", "timestamp", "When these totals were read.", nullable=False),
    ),
)
SENDS = Table(
    source="brevo",
    name="sends",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash"),
    description="One row per recipient of a campaign.",
    identifiers=(_RECIPIENT,),
    columns=(_SEND_DAY, _CAMPAIGN, _EMAIL_HASH, Column("status", "string", "sent, hard or soft (bounces).")),
)
EMAIL_ACTIVITY = Table(
    source="brevo",
    name="email_activity",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash", "action", "occurred_at", "ordinal"),
    description="Opens, clicks and bounces of recipients: one row per link and address of the net they came from.",
    identifiers=(_RECIPIENT,),
    urls=("url",),
    columns=(
        _SEND_DAY,
        _CAMPAIGN,
        _EMAIL_HASH,
        Column("action", "string", "open, click or bounce.", nullable=False),
        Column("occurred_at", "timestamp", "When it happened, the first time where it happened often.", nullable=False),
        Column("times", "integer", "How often it happened."),
        Column("url", "string", "Link clicked, without addresses."),
        Column(
            "is_machine",
            "boolean",
            "It came from a mail proxy's address range; the address itself is dropped.",
            nullable=False,
        ),
        _ORDINAL,
    ),
)
UNSUBSCRIBES = Table(
    source="brevo",
    name="unsubscribes",
    kind="window",
    day_column="send_day",
    key=("campaign_id", "email_hash"),
    description="Recipients who unsubscribed through a campaign.",
    identifiers=(_RECIPIENT,),
    columns=(
        _SEND_DAY,
        _CAMPAIGN,
        _EMAIL_HASH,
        Column("occurred_at", "timestamp", "When it happened; null where Brevo does not tell it of the contact."),
    ),
)
TRANSACTIONAL_EVENTS = Table(
    source="brevo",
    name="transactional_events",
    kind="window",
    day_column="event_day",
    key=("message_id", "event", "occurred_at", "ordinal"),
    description="What became of transactional messages; a mail proxy's opens are an event of their own.",
    identifiers=(_RECIPIENT,),
    urls=("url",),
    columns=(
        Column("event_day", "date", "UTC day of the event.", nullable=False),
        Column("message_id", "string", "HMAC of the message's id, which looks like an address.", nullable=False),
        _EMAIL_HASH,
        Column(
            "event",
            "string",
            "requested, delivered, opened, proxy_opened, clicked, hard_bounced, soft_bounced, unsubscribed, … as Brevo"
            " tells them, in Kpilote's words.",
            nullable=False,
        ),
        Column("occurred_at", "timestamp", "When it happened.", nullable=False),
        Column("tag", "string", "Tag of the message."),
        Column("template_id", "string", "Template of the message."),
        Column("url", "string", "Link clicked, without addresses."),
        Column("is_machine", "boolean", "A mail proxy did it; its address is dropped.", nullable=False),
        _ORDINAL,
    ),
)

SOURCE = Source(
    name="brevo",
    label="Brevo",
    description="Email platform: lists, contacts, campaigns, what recipients did, and transactional messages.",
    kind="email",
    tables={
        table.name: table
        for table in (
            LISTS,
            CONTACTS,
            CAMPAIGNS,
            CAMPAIGN_STATISTICS,
            SENDS,
            EMAIL_ACTIVITY,
            UNSUBSCRIBES,
            TRANSACTIONAL_EVENTS,
        )
    },
)
