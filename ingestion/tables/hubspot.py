"""HubSpot's lake tables. All are record tables: HubSpot tells what changed, archived rows say so, merges name the
losers.
"""

from ingestion.tables.model import Column, Identifier, Source, Table


def _lifecycle() -> tuple[Column, ...]:
    created = Column("created_at", "timestamp", "When the record was created.")
    updated = Column(
        "updated_at", "timestamp", "When it last changed; for an archived record at least when it was archived."
    )
    archived = Column("archived", "boolean", "In HubSpot's recycle bin, or gone.", nullable=False)
    archived_at = Column("archived_at", "timestamp", "When it was archived.")
    return created, updated, archived, archived_at


def _record(
    name: str,
    key: str,
    description: str,
    *columns: Column,
    identifiers: tuple[Identifier, ...] = (),
    free_text: tuple[str, ...] = (),
) -> Table:
    return Table(
        source="hubspot",
        name=name,
        kind="record",
        columns=(Column(key, "string", "HubSpot's record id.", nullable=False), *columns, *_lifecycle()),
        key=(key,),
        updated_column="updated_at",
        description=description,
        identifiers=identifiers,
        free_text=free_text,
        entity=key.removesuffix("_id"),
    )


_OWNER = Column("owner_id", "string", "Owner of the record (owners.owner_id).")
_MERGED = Column("merged_ids", "strings", "Ids of the records merged into this one; they are no longer served.")

CONTACTS = _record(
    "contacts",
    "contact_id",
    "People known to the CRM. No name, no phone, no address: the email is an HMAC.",
    Column("email_hash", "string", "HMAC of the normalised email."),
    Column("email_domain", "string", "Domain of the email where it is a company's; free-mail domains are dropped."),
    Column("is_role_address", "boolean", "Whether the email is of a function (info@, sales@), not of a person."),
    Column("country", "string", "Country as HubSpot holds it (ISO 3166-1 alpha-2 or a name)."),
    _OWNER,
    Column("lead_source", "string", "Where the contact came from: the property named by LEAD_SOURCE_PROPERTY."),
    Column("lifecycle_stage", "string", "HubSpot's internal stage name."),
    Column("lead_at", "timestamp", "Became a lead."),
    Column("mql_at", "timestamp", "Became a marketing qualified lead."),
    Column("sql_at", "timestamp", "Became a sales qualified lead."),
    Column("opportunity_at", "timestamp", "Became an opportunity."),
    Column("customer_at", "timestamp", "Became a customer."),
    Column("ga_client_id", "string", "GA4 client id captured by a form."),
    Column("user_key_hash", "string", "HMAC of the login id, the same as ga4.events.user_id_hash."),
    Column("is_test", "boolean", "Marked as a test contact.", as_text=True),
    _MERGED,
    identifiers=(
        Identifier("contact_id", "contact"),
        Identifier("email_hash", "hash"),
        Identifier("user_key_hash", "hash"),
        Identifier("ga_client_id", "client", "link"),
        Identifier("merged_ids", "contact", "link"),
    ),
    free_text=("email_domain",),
)
COMPANIES = _record(
    "companies",
    "company_id",
    "Companies known to the CRM.",
    Column("name", "string", "Company name."),
    Column("domain", "string", "Company domain."),
    Column("country", "string", "Country as HubSpot holds it."),
    Column("employees", "integer", "Number of employees.", as_text=True),
    Column("industry", "string", "Industry as HubSpot holds it."),
    Column("segment", "string", "Segment as the company keeps it."),
    _MERGED,
)
DEALS = _record(
    "deals",
    "deal_id",
    "Deals with their present stage and amount; their past is in property_history.",
    Column("name", "string", "Deal name."),
    Column("pipeline", "string", "Pipeline id."),
    Column("stage", "string", "Stage id (pipeline_stages.stage_id)."),
    Column("amount", "decimal", "Amount in `currency`.", as_text=True),
    Column("currency", "string", "ISO 4217 code."),
    _OWNER,
    Column("close_date", "timestamp", "Expected close while open, actual close once closed."),
    Column("lost_reason", "string", "Why it was lost, as people typed it."),
    Column("mrr", "decimal", "Monthly recurring revenue of the deal in `currency`.", as_text=True),
    Column("partner", "string", "Partner of the deal as the company keeps it."),
    Column("imported_id", "string", "Its id in the CRM it was copied from."),
    identifiers=(Identifier("deal_id", "deal", "text"),),
    free_text=("name", "partner"),
)
MEETINGS = _record(
    "meetings",
    "meeting_id",
    "Meetings, past and booked.",
    Column("title", "string", "Title."),
    Column("kind", "string", "HubSpot's activity type, e.g. demo."),
    _OWNER,
    Column("start_at", "timestamp", "Start."),
    Column("end_at", "timestamp", "End."),
    Column("outcome", "string", "SCHEDULED, COMPLETED, NO_SHOW, CANCELED or RESCHEDULED."),
    identifiers=(Identifier("meeting_id", "meeting", "text"),),
    free_text=("title",),
)
CALLS = _record(
    "calls",
    "call_id",
    "Calls logged in the CRM.",
    _OWNER,
    Column("direction", "string", "INBOUND or OUTBOUND."),
    Column("disposition", "string", "Outcome id."),
    Column("start_at", "timestamp", "Start."),
    Column("duration_seconds", "double", "Length in seconds.", as_text=True),
)
EMAILS = _record(
    "emails",
    "email_id",
    "One-to-one emails logged in the CRM; neither text nor addresses are pulled.",
    _OWNER,
    Column("direction", "string", "EMAIL, INCOMING_EMAIL or FORWARDED_EMAIL."),
    Column("sent_at", "timestamp", "When it was sent."),
)
PROPERTY_HISTORY = Table(
    source="hubspot",
    name="property_history",
    kind="record",
    entity="history",
    key=("object_type", "object_id", "property", "changed_at"),
    updated_column="changed_at",
    description="Every value a property had: dealstage and amount of deals, outcome and start of meetings.",
    columns=(
        Column("object_type", "string", "deal or meeting.", nullable=False),
        Column("object_id", "string", "Id of the record.", nullable=False),
        Column("property", "string", "HubSpot's property name.", nullable=False),
        Column("value", "string", "Value as text; null when it was cleared."),
        Column("changed_at", "timestamp", "When it took this value.", nullable=False),
    ),
)
OWNERS = Table(
    source="hubspot",
    name="owners",
    kind="record",
    entity="owner",
    key=("owner_id",),
    updated_column="updated_at",
    description="Colleagues who own records, leavers included.",
    columns=(
        Column("owner_id", "string", "Owner id.", nullable=False),
        Column("user_id", "string", "User id, also of inactive users."),
        Column("first_name", "string", "First name of the colleague."),
        Column("last_name", "string", "Last name of the colleague."),
        Column("team", "string", "Primary team."),
        Column("archived", "boolean", "Has left.", nullable=False),
        Column("created_at", "timestamp", "When the owner was created."),
        Column("updated_at", "timestamp", "When the owner last changed."),
    ),
)
PIPELINE_STAGES = Table(
    source="hubspot",
    name="pipeline_stages",
    kind="record",
    key=("pipeline_id", "stage_id"),
    updated_column="updated_at",
    description="Stages of the deal pipelines, with what closes and what wins a deal.",
    columns=(
        Column("pipeline_id", "string", "Pipeline id.", nullable=False),
        Column("stage_id", "string", "Stage id.", nullable=False),
        Column("pipeline_label", "string", "Pipeline name."),
        Column("label", "string", "Stage name."),
        Column("display_order", "integer", "Order on the board."),
        Column("probability", "double", "Share of deals expected to be won, 0 to 1.", as_text=True),
        Column("is_closed", "boolean", "A deal here is closed.", as_text=True),
        Column("is_won", "boolean", "A deal here is won."),
        Column("archived", "boolean", "No longer in use.", nullable=False),
        Column("updated_at", "timestamp", "When the stage last changed."),
    ),
)
ASSOCIATIONS = Table(
    source="hubspot",
    name="associations",
    kind="record",
    entity="link",
    key=("from_type", "from_id", "to_type"),
    updated_column="read_at",
    description="Links between records: each row holds all the links of one record to one type, in HubSpot's order.",
    identifiers=(
        Identifier("from_id", "contact", where=("from_type", "contact")),
        Identifier("to_ids", "contact", "link", where=("to_type", "contact")),
    ),
    columns=(
        Column("from_type", "string", "deal, contact, meeting, call or email.", nullable=False),
        Column("from_id", "string", "Id of the record.", nullable=False),
        Column("to_type", "string", "contact, company or deal.", nullable=False),
        Column("to_ids", "strings", "Ids linked, first is primary; empty when it has none."),
        Column("read_at", "timestamp", "When the links were read.", nullable=False),
    ),
)

SOURCE = Source(
    name="hubspot",
    label="HubSpot",
    description="CRM: contacts, companies, deals with their history, activities and the links between them.",
    kind="crm",
    tables={
        table.name: table
        for table in (
            CONTACTS, COMPANIES, DEALS, PROPERTY_HISTORY, OWNERS, PIPELINE_STAGES,
            MEETINGS, CALLS, EMAILS, ASSOCIATIONS,
        )
    },
)  # fmt: skip
