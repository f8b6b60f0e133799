"""Pipedrive's lake tables. All are record tables. Pipedrive tells what changed; of what was deleted it tells deals
only, so that others get a tombstone once their ids are no longer listed.
"""

from ingestion.tables.model import Column, Identifier, Source, Table


def _lifecycle() -> tuple[Column, ...]:
    created = Column("created_at", "timestamp", "When the record was created.")
    updated = Column("updated_at", "timestamp", "When it last changed; of a tombstone when the record was missed.")
    archived = Column("archived", "boolean", "Deleted, merged into another record, or gone.", nullable=False)
    archived_at = Column("archived_at", "timestamp", "When it was deleted, or the pull that no longer found it began.")
    return created, updated, archived, archived_at


def _record(
    name: str,
    key: str,
    entity: str | None,
    description: str,
    *columns: Column,
    identifiers: tuple[Identifier, ...] = (),
    free_text: tuple[str, ...] = (),
    tells_of: tuple[str, str] | None = None,
) -> Table:
    return Table(
        source="pipedrive",
        name=name,
        kind="record",
        columns=(Column(key, "string", "Pipedrive's id.", nullable=False), *columns, *_lifecycle()),
        key=(key,),
        updated_column="updated_at",
        description=description,
        identifiers=identifiers,
        free_text=free_text,
        entity=entity,
        tells_of=tells_of,
    )


_OWNER = Column("owner_id", "string", "User who owns the record (users.user_id).")
_PERSON = Column("person_id", "string", "Person it is about (persons.person_id).")
_ORGANIZATION = Column("organization_id", "string", "Organization it belongs to (organizations.organization_id).")
_DEAL = Column("deal_id", "string", "Deal it belongs to (deals.deal_id).")

PERSONS = _record(
    "persons",
    "person_id",
    "contact",
    "People known to the CRM. No name, no phone, no address: emails are HMACs. Settings name the custom fields.",
    Column("email_hash", "string", "HMAC of the normalised primary email."),
    Column("email_hashes", "strings", "HMACs of all emails, the primary one first; a merge gives the survivor both."),
    Column("email_domain", "string", "Domain of the primary email where it is a company's, else null."),
    Column("is_role_address", "boolean", "Whether the email is of a function (info@, sales@), not of a person."),
    Column("country", "string", "Country as Pipedrive holds it (ISO 3166-1 alpha-2 or a name)."),
    _OWNER,
    _ORGANIZATION,
    Column("lead_source", "string", "Where the person came from, as the company keeps it."),
    Column("lifecycle_stage", "string", "Lifecycle stage as the company keeps it."),
    Column("lead_at", "timestamp", "Became a lead."),
    Column("mql_at", "timestamp", "Became a marketing qualified lead."),
    Column("sql_at", "timestamp", "Became a sales qualified lead."),
    Column("opportunity_at", "timestamp", "Became an opportunity."),
    Column("customer_at", "timestamp", "Became a customer."),
    Column("client_id", "string", "Client id of the analytics tool captured by a form."),
    Column("user_key_hash", "string", "HMAC of the login id, the same as in the analytics tool."),
    Column("is_test", "boolean", "Marked as a test contact.", as_text=True),
    identifiers=(
        Identifier("person_id", "contact"),
        Identifier("email_hash", "hash"),
        Identifier("email_hashes", "hash"),
        Identifier("user_key_hash", "hash"),
        Identifier("client_id", "client", "link"),
    ),
    free_text=("email_domain",),
)
ORGANIZATIONS = _record(
    "organizations",
    "organization_id",
    "company",
    "Companies known to the CRM.",
    Column("name", "string", "Company name."),
    Column("domain", "string", "Domain of the company's website."),
    Column("country", "string", "Country as Pipedrive holds it."),
    Column("employees", "integer", "Number of employees.", as_text=True),
    Column("industry", "string", "Industry as Pipedrive labels it."),
    Column("segment", "string", "Segment as the company keeps it."),
    _OWNER,
)
DEALS = _record(
    "deals",
    "deal_id",
    "deal",
    "Deals as they stand; their past is in deal_changes.",
    Column("name", "string", "Deal title."),
    Column("pipeline_id", "string", "Pipeline (pipelines.pipeline_id)."),
    Column("stage_id", "string", "Stage it is in, or was in when it was closed (stages.stage_id)."),
    Column("status", "string", "open, won, lost or deleted: closing a deal leaves its stage."),
    Column("amount", "decimal", "Value in `currency`."),
    Column("currency", "string", "ISO 4217 code."),
    _OWNER,
    _PERSON,
    _ORGANIZATION,
    Column("expected_close_on", "date", "Expected close while open."),
    Column("stage_changed_at", "timestamp", "When it came into its stage; null while in its first one."),
    Column("won_at", "timestamp", "When it was won, while it is."),
    Column("lost_at", "timestamp", "When it was lost, while it is."),
    Column("lost_reason", "string", "Why it was lost, as people chose or typed it."),
    Column("mrr", "decimal", "Monthly recurring revenue of the products attached, in `currency`."),
    Column("recurring_amount", "decimal", "Its own field for the amount a month, in `currency`.", as_text=True),
    Column("partner", "string", "Partner of the deal as the company keeps it."),
    Column("imported_id", "string", "Its id in the CRM it was copied from."),
    Column("is_shelved", "boolean", "Archived in Pipedrive: out of the pipeline view, and still a deal that counts."),
    Column("shelved_at", "timestamp", "When it was archived in Pipedrive."),
    identifiers=(Identifier("deal_id", "deal", "text"), Identifier("person_id", "contact", "link")),
    free_text=("name", "partner"),
)
DEAL_CHANGES = Table(
    source="pipedrive",
    name="deal_changes",
    kind="record",
    entity="history",
    key=("object_type", "object_id", "field", "changed_at", "ordinal"),
    updated_column="changed_at",
    description="Every change of stage, status, value, currency, pipeline and creation time of deals.",
    columns=(
        Column("object_type", "string", "deal.", nullable=False),
        Column("object_id", "string", "Deal (deals.deal_id).", nullable=False),
        Column("field", "string", "Pipedrive's field key.", nullable=False),
        Column("old_value", "string", "Value before the change, as text; null when it had none."),
        Column("new_value", "string", "Value after the change, as text; null when it was cleared."),
        Column("changed_at", "timestamp", "When it changed, to the second.", nullable=False),
        Column("ordinal", "integer", "Number of the change among the field's in that second.", nullable=False),
    ),
)
DEAL_PARTICIPANTS = Table(
    source="pipedrive",
    name="deal_participants",
    kind="record",
    entity="link",
    key=("from_type", "from_id"),
    updated_column="read_at",
    description="Who takes part in a deal: each row holds all of them, the primary one first.",
    identifiers=(Identifier("from_id", "deal", "text"), Identifier("person_ids", "contact", "link")),
    columns=(
        Column("from_type", "string", "deal.", nullable=False),
        Column("from_id", "string", "Deal (deals.deal_id).", nullable=False),
        Column("person_ids", "strings", "Persons (persons.person_id)."),
        Column("read_at", "timestamp", "When they were read.", nullable=False),
    ),
)
LEADS = _record(
    "leads",
    "lead_id",
    None,
    "Leads of the Leads Inbox; one that becomes a deal leaves it. People are in persons.",
    Column("name", "string", "Lead title."),
    _OWNER,
    _PERSON,
    _ORGANIZATION,
    Column("amount", "decimal", "Value in `currency`."),
    Column("currency", "string", "ISO 4217 code."),
    Column("is_shelved", "boolean", "Archived in Pipedrive: out of the inbox."),
    # A lead is a person's: its title mostly names it.
    identifiers=(Identifier("person_id", "contact"),),
    free_text=("name",),
    tells_of=("contact", "person_id"),
)
ACTIVITIES = _record(
    "activities",
    "activity_id",
    "activity",
    "Meetings, demos, calls and emails planned or logged as activities. Notes, attendees and places are not kept.",
    Column("title", "string", "Subject."),
    Column("type", "string", "Pipedrive's key of the activity type."),
    Column("kind", "string", "demo, meeting, call or email, by the type (settings); null for any other."),
    Column("type_says", "string", "What the type alone says: no_show, canceled or received (settings); else null."),
    _OWNER,
    _PERSON,
    _ORGANIZATION,
    _DEAL,
    Column("participant_ids", "strings", "Persons who take part, the primary one first."),
    Column("starts_at", "timestamp", "Due date and time; the beginning of the day where it has no time."),
    Column("duration_seconds", "integer", "Planned length in seconds."),
    Column("is_done", "boolean", "Marked as done."),
    Column("done_at", "timestamp", "When it was marked as done."),
    identifiers=(
        Identifier("activity_id", "meeting", "text"),
        Identifier("person_id", "contact", "link"),
        Identifier("participant_ids", "contact", "link"),
    ),
    free_text=("title",),
)
USERS = Table(
    source="pipedrive",
    name="users",
    kind="record",
    entity="owner",
    key=("user_id",),
    updated_column="updated_at",
    description="Colleagues who own records, leavers included.",
    columns=(
        Column("user_id", "string", "User id.", nullable=False),
        Column("name", "string", "Name of the colleague."),
        Column("team", "string", "Team, where the account has teams."),
        Column("archived", "boolean", "Deactivated or deleted.", nullable=False),
        Column("created_at", "timestamp", "When the user was created."),
        Column("updated_at", "timestamp", "When the user last changed."),
    ),
)
PIPELINES = Table(
    source="pipedrive",
    name="pipelines",
    kind="record",
    key=("pipeline_id",),
    updated_column="updated_at",
    description="Deal pipelines.",
    columns=(
        Column("pipeline_id", "string", "Pipeline id.", nullable=False),
        Column("label", "string", "Pipeline name."),
        Column("display_order", "integer", "Order of the pipelines."),
        Column("archived", "boolean", "Deleted.", nullable=False),
        Column("updated_at", "timestamp", "When the pipeline last changed."),
    ),
)
STAGES = Table(
    source="pipedrive",
    name="stages",
    kind="record",
    key=("stage_id",),
    updated_column="updated_at",
    description="Stages of the deal pipelines; won and lost are no stages but a deal's status.",
    columns=(
        Column("stage_id", "string", "Stage id, unique over all pipelines.", nullable=False),
        Column("pipeline_id", "string", "Pipeline (pipelines.pipeline_id)."),
        Column("label", "string", "Stage name."),
        Column("display_order", "integer", "Order in the pipeline."),
        Column("probability", "double", "Share of deals expected to be won, 0 to 1."),
        Column("archived", "boolean", "Deleted.", nullable=False),
        Column("updated_at", "timestamp", "When the stage last changed."),
    ),
)

SOURCE = Source(
    name="pipedrive",
    label="Pipedrive",
    description="CRM: persons, organizations, deals with their changes, leads and activities.",
    kind="crm",
    tables={
        table.name: table
        for table in (
            PERSONS, ORGANIZATIONS, DEALS, DEAL_CHANGES, DEAL_PARTICIPANTS, LEADS, ACTIVITIES, USERS, PIPELINES, STAGES,
        )
    },
)  # fmt: skip
