"""Salesforce's lake tables. All are record tables: queryAll tells what changed, deleted rows say so, merged ones name
their survivor and converted leads their contact.

A person is a lead first and a contact once converted; both tables keep what people of either kind say of themselves.
"""

from ingestion.tables.model import Column, Identifier, Source, Table


def _lifecycle(*, deletes: bool = True) -> tuple[Column, ...]:
    created = Column("created_at", "timestamp", "When the record was created (CreatedDate).")
    updated = Column(
        "updated_at", "timestamp", "When anything of it last changed (SystemModstamp); of a deleted one its deletion."
    )
    archived = Column("archived", "boolean", "In Salesforce's recycle bin, or gone.", nullable=False)
    return (created, updated, archived) if deletes else (created, updated)


def _record(
    name: str,
    key: str,
    description: str,
    *columns: Column,
    entity: str | None = None,
    deletes: bool = True,
    identifiers: tuple[Identifier, ...] = (),
    free_text: tuple[str, ...] = (),
    urls: tuple[str, ...] = (),
) -> Table:
    return Table(
        source="salesforce",
        name=name,
        kind="record",
        columns=(
            Column(key, "string", "Salesforce's record id, 18 characters.", nullable=False),
            *columns,
            *_lifecycle(deletes=deletes),
        ),
        key=(key,),
        updated_column="updated_at",
        description=description,
        identifiers=identifiers,
        free_text=free_text,
        urls=urls,
        entity=entity,
    )


_OWNER = Column("owner_id", "string", "Owner of the record (users.user_id), or of a queue.")
_CURRENCY = Column("currency", "string", "ISO 4217 code; null in an org of one currency whose setting names none.")
_MERGED = Column("merged_into", "string", "Record that this one was merged into (MasterRecordId).")
_WHO = Column("who_id", "string", "Lead or contact it was held with (leads.lead_id, contacts.contact_id).")
_WHAT = Column("what_id", "string", "Opportunity, account or other record it is about.")
_ACTIVITY_ACCOUNT = Column("account_id", "string", "Account it belongs to (accounts.account_id), as Salesforce derives it.")

_PERSON = (
    Column("email_hash", "string", "HMAC of the normalised email."),
    Column("email_domain", "string", "Domain of the email where it is a company's; free-mail domains are dropped."),
    Column("country", "string", "Country as Salesforce holds it (ISO 3166-1 alpha-2 or a name)."),
    _OWNER,
    Column("lead_source", "string", "LeadSource."),
    Column("lifecycle_stage", "string", "Field named by LIFECYCLE_FIELD."),
    Column("lead_at", "timestamp", "Became a lead (LEAD_DATE_FIELD)."),
    Column("mql_at", "timestamp", "Became a marketing qualified lead (MQL_DATE_FIELD)."),
    Column("sql_at", "timestamp", "Became a sales qualified lead (SQL_DATE_FIELD)."),
    Column("opportunity_at", "timestamp", "Became an opportunity (OPPORTUNITY_DATE_FIELD)."),
    Column("customer_at", "timestamp", "Became a customer (CUSTOMER_DATE_FIELD)."),
    Column("client_id", "string", "Analytics client id captured by a form (CLIENT_ID_FIELD)."),
    Column("user_key_hash", "string", "HMAC of the login id (USER_KEY_FIELD)."),
    Column("is_test", "boolean", "Marked as a test (IS_TEST_FIELD)."),
)
_PERSON_IDENTIFIERS = (
    Identifier("email_hash", "hash"),
    Identifier("user_key_hash", "hash"),
    Identifier("client_id", "client", "link"),
    Identifier("merged_into", "contact", "link"),
)

LEADS = _record(
    "leads",
    "lead_id",
    "People before they were qualified, converted ones included. No name, no phone, no address: the email is an HMAC.",
    *_PERSON,
    Column("company", "string", "Company as it was typed."),
    Column("website", "string", "Website as it was typed."),
    Column("employees", "integer", "Number of employees of the lead's company."),
    Column("status", "string", "Status."),
    Column("is_converted", "boolean", "Has become a contact."),
    Column("converted_on", "date", "Day of the conversion."),
    Column("converted_contact_id", "string", "Contact it became (contacts.contact_id)."),
    Column("converted_account_id", "string", "Account it was converted into (accounts.account_id)."),
    _MERGED,
    entity="contact",
    identifiers=(
        Identifier("lead_id", "contact"),
        *_PERSON_IDENTIFIERS,
        Identifier("converted_contact_id", "contact", "link"),
    ),
    free_text=("email_domain", "company", "website"),
    urls=("website",),
)
CONTACTS = _record(
    "contacts",
    "contact_id",
    "People with whom the company deals. No name, no phone, no address: the email is an HMAC.",
    *_PERSON,
    Column("account_id", "string", "Account of the contact (accounts.account_id)."),
    _MERGED,
    entity="contact",
    identifiers=(Identifier("contact_id", "contact"), *_PERSON_IDENTIFIERS),
    free_text=("email_domain",),
)
ACCOUNTS = _record(
    "accounts",
    "account_id",
    "Companies.",
    Column("name", "string", "Company name."),
    Column("domain", "string", "Domain of the account's website."),
    Column("country", "string", "Country of the billing address as Salesforce holds it."),
    Column("employees", "integer", "Number of employees."),
    Column("industry", "string", "Industry."),
    Column("segment", "string", "Field named by SEGMENT_FIELD."),
    _OWNER,
    _MERGED,
    entity="company",
)
OPPORTUNITIES = _record(
    "opportunities",
    "opportunity_id",
    "Deals with their present stage and amount; their past is in opportunity_history.",
    Column("account_id", "string", "Account (accounts.account_id)."),
    Column("name", "string", "Opportunity name."),
    Column("stage", "string", "Stage (opportunity_stages.stage_name)."),
    Column("amount", "decimal", "Amount in `currency`."),
    _CURRENCY,
    _OWNER,
    Column("close_on", "date", "Expected close while open, actual close once closed."),
    Column("is_closed", "boolean", "The stage closes the deal."),
    Column("is_won", "boolean", "The stage wins the deal."),
    Column("probability", "double", "Chance to be won, 0 to 100."),
    Column("campaign_id", "string", "Primary campaign (campaigns.campaign_id)."),
    Column("lead_source", "string", "LeadSource."),
    Column("lost_reason", "string", "Field named by LOST_REASON_FIELD, as people typed it."),
    Column("recurring_amount", "decimal", "Monthly recurring revenue in `currency` (RECURRING_AMOUNT_FIELD)."),
    Column("partner", "string", "Field named by PARTNER_FIELD."),
    entity="deal",
    identifiers=(Identifier("opportunity_id", "deal", "text"),),
    free_text=("name",),
)
OPPORTUNITY_HISTORY = Table(
    source="salesforce",
    name="opportunity_history",
    kind="record",
    entity="history",
    key=("object_type", "opportunity_id", "history_id"),
    updated_column="created_at",
    description="Stage, amount and close date of each deal after every change of one of them.",
    columns=(
        Column("object_type", "string", "deal.", nullable=False),
        Column("opportunity_id", "string", "Deal (opportunities.opportunity_id).", nullable=False),
        Column("history_id", "string", "Salesforce's id of the change.", nullable=False),
        Column("stage", "string", "Stage after the change."),
        Column("amount", "decimal", "Amount after the change."),
        Column("close_on", "date", "Close date after the change."),
        Column("probability", "double", "Chance to be won after the change, 0 to 100."),
        Column("created_at", "timestamp", "When it changed."),
        Column("archived", "boolean", "Deleted with its deal.", nullable=False),
    ),
)
OPPORTUNITY_CONTACT_ROLES = Table(
    source="salesforce",
    name="opportunity_contact_roles",
    kind="record",
    entity="link",
    key=("from_type", "opportunity_id", "role_id"),
    updated_column="updated_at",
    description="Who is in which deal.",
    identifiers=(Identifier("contact_id", "contact", "link"),),
    columns=(
        Column("from_type", "string", "deal.", nullable=False),
        Column("opportunity_id", "string", "Deal (opportunities.opportunity_id).", nullable=False),
        Column("role_id", "string", "Salesforce's id of the role.", nullable=False),
        Column("contact_id", "string", "Contact (contacts.contact_id)."),
        Column("role", "string", "Role, e.g. Decision Maker."),
        Column("is_primary", "boolean", "The deal's primary contact."),
        *_lifecycle(),
    ),
)
CAMPAIGNS = _record(
    "campaigns",
    "campaign_id",
    "Marketing campaigns people were added to.",
    Column("name", "string", "Campaign name."),
    Column("type", "string", "Type, e.g. Advertisement."),
    Column("status", "string", "Status."),
    Column("is_active", "boolean", "In use."),
    Column("starts_on", "date", "First day."),
    Column("ends_on", "date", "Last day."),
    _CURRENCY,
)
CAMPAIGN_MEMBERS = _record(
    "campaign_members",
    "member_id",
    "People added to campaigns.",
    Column("campaign_id", "string", "Campaign (campaigns.campaign_id)."),
    Column("lead_id", "string", "Lead (leads.lead_id)."),
    Column("contact_id", "string", "Contact (contacts.contact_id)."),
    Column("status", "string", "Member status."),
    Column("has_responded", "boolean", "The status counts as a response."),
    Column("responded_on", "date", "First response."),
    identifiers=(Identifier("lead_id", "contact", "link"), Identifier("contact_id", "contact", "link")),
)
USERS = _record(
    "users",
    "user_id",
    "Colleagues who own records, leavers included: Salesforce deletes no user.",
    Column("first_name", "string", "First name of the colleague."),
    Column("last_name", "string", "Last name of the colleague."),
    Column("team", "string", "Department."),
    Column("is_active", "boolean", "Can log in.", nullable=False),
    entity="owner",
    deletes=False,
)
TASKS = Table(
    source="salesforce",
    name="tasks",
    kind="record",
    # A task is a call, an email or a thing to do; like a record about another one it names its kind in its key.
    entity="history",
    key=("kind", "task_id"),
    updated_column="updated_at",
    description="Calls, one-to-one emails and things to do; neither texts nor addresses are pulled.",
    identifiers=(Identifier("who_id", "contact", "link"),),
    columns=(
        Column("kind", "string", "TaskSubtype in lower case: call, email, task, …", nullable=False),
        Column("task_id", "string", "Salesforce's record id, 18 characters.", nullable=False),
        _OWNER,
        _WHO,
        _WHAT,
        _ACTIVITY_ACCOUNT,
        Column("status", "string", "Status."),
        Column("direction", "string", "Inbound or Outbound: CallType of calls, else the field DIRECTION_FIELD."),
        Column("disposition", "string", "Result of a call (CallDisposition)."),
        Column("duration_seconds", "integer", "Length of a call in seconds."),
        Column("due_on", "date", "Due day (ActivityDate)."),
        Column("start_at", "timestamp", "When it took place (ACTIVITY_START_FIELD)."),
        Column("completed_at", "timestamp", "When it was closed (CompletedDateTime)."),
        *_lifecycle(),
    ),
)
EVENTS = _record(
    "events",
    "event_id",
    "Meetings, past and booked, as they stand: Salesforce keeps no history of them.",
    Column("kind", "string", "Field named by MEETING_KIND_FIELD, or Type where the org has it."),
    Column("outcome", "string", "Field named by MEETING_OUTCOME_FIELD."),
    _OWNER,
    _WHO,
    _WHAT,
    _ACTIVITY_ACCOUNT,
    Column("start_at", "timestamp", "Start."),
    Column("end_at", "timestamp", "End."),
    entity="meeting",
    identifiers=(Identifier("who_id", "contact", "link"),),
)
CONTRACTS = _record(
    "contracts",
    "contract_id",
    "Contracts of accounts.",
    Column("account_id", "string", "Account (accounts.account_id)."),
    Column("status", "string", "Status."),
    Column("starts_on", "date", "First day."),
    Column("ends_on", "date", "Last day, where one is known."),
    Column("recurring_amount", "decimal", "Monthly recurring revenue in `currency` (CONTRACT_AMOUNT_FIELD)."),
    _CURRENCY,
)
OPPORTUNITY_STAGES = _record(
    "opportunity_stages",
    "stage_record_id",
    "Stages of opportunities, with what closes and what wins a deal; an org has one list of them.",
    Column("stage_name", "string", "Name that opportunities hold (ApiName).", nullable=False),
    Column("label", "string", "Name people see."),
    Column("display_order", "integer", "Order in the list."),
    Column("probability", "double", "Chance to be won, 0 to 100."),
    Column("is_closed", "boolean", "A deal here is closed."),
    Column("is_won", "boolean", "A deal here is won."),
    Column("is_active", "boolean", "In use."),
    deletes=False,
)

SOURCE = Source(
    name="salesforce",
    label="Salesforce",
    description="CRM: leads, contacts, accounts, opportunities with their history, activities, campaigns, contracts.",
    tables={
        table.name: table
        for table in (
            LEADS, CONTACTS, ACCOUNTS, OPPORTUNITIES, OPPORTUNITY_HISTORY, OPPORTUNITY_CONTACT_ROLES, CAMPAIGNS,
            CAMPAIGN_MEMBERS, USERS, TASKS, EVENTS, CONTRACTS, OPPORTUNITY_STAGES,
        )
    },
)  # fmt: skip
