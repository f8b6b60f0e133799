"""Salesforce's lake tables. All are record tables: queryAll tells what changed, deleted rows say so, merged ones name
their survivor and converted leads their contact.

Belongs here: deals, activities, campaigns, contracts, and the list of all. People and companies are in
`salesforce_people.py`.
"""

from ingestion.tables.model import Column, Identifier, Source, Table
from ingestion.tables.salesforce_people import ACCOUNTS, CONTACTS, LEADS, OWNER, lifecycle, record

_CURRENCY = Column("currency", "string", "ISO 4217 code; null in an org of one currency whose setting names none.")
_WHO = Column("who_id", "string", "Lead or contact it was held with (leads.lead_id, contacts.contact_id).")
_WHAT = Column("what_id", "string", "Opportunity, account or other record it is about.")
_ACTIVITY_ACCOUNT = Column(
    "account_id", "string", "Account it belongs to (accounts.account_id), as Salesforce derives it."
)

OPPORTUNITIES = record(
    "opportunities",
    "opportunity_id",
    "Deals with their present stage and amount; their past is in opportunity_history.",
    Column("account_id", "string", "Account (accounts.account_id)."),
    Column("name", "string", "Opportunity name."),
    Column("stage", "string", "Stage (opportunity_stages.stage_name)."),
    Column("amount", "decimal", "Amount in `currency`."),
    _CURRENCY,
    OWNER,
    Column("close_on", "date", "Expected close while open, actual close once closed."),
    Column("is_closed", "boolean", "The stage closes the deal."),
    Column("is_won", "boolean", "The stage wins the deal."),
    Column("probability", "double", "Chance to be won, 0 to 1."),
    Column("campaign_id", "string", "Primary campaign (campaigns.campaign_id)."),
    Column("lead_source", "string", "LeadSource."),
    Column("lost_reason", "string", "Field named by LOST_REASON_FIELD, as people typed it."),
    Column("recurring_amount", "decimal", "Monthly recurring revenue in `currency` (RECURRING_AMOUNT_FIELD)."),
    Column("partner", "string", "Field named by PARTNER_FIELD."),
    Column("imported_id", "string", "Its id in the CRM it was copied from (IMPORTED_ID_FIELD)."),
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
        Column("probability", "double", "Chance to be won after the change, 0 to 1."),
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
    # The deal's name may be the person's.
    identifiers=(Identifier("contact_id", "contact", "link"), Identifier("opportunity_id", "deal", "text")),
    columns=(
        Column("from_type", "string", "deal.", nullable=False),
        Column("opportunity_id", "string", "Deal (opportunities.opportunity_id).", nullable=False),
        Column("role_id", "string", "Salesforce's id of the role.", nullable=False),
        Column("contact_id", "string", "Contact (contacts.contact_id)."),
        Column("role", "string", "Role, e.g. Decision Maker."),
        Column("is_primary", "boolean", "The deal's primary contact."),
        *lifecycle(),
    ),
)
CAMPAIGNS = record(
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
CAMPAIGN_MEMBERS = record(
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
USERS = record(
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
    # A call, an email or a thing to do, which the key says too.
    entity="activity",
    key=("kind", "task_id"),
    updated_column="updated_at",
    description="Calls, one-to-one emails and things to do; neither texts nor addresses are pulled.",
    identifiers=(Identifier("who_id", "contact", "link"),),
    columns=(
        Column("kind", "string", "TaskSubtype in lower case: call, email, task, …", nullable=False),
        Column("task_id", "string", "Salesforce's record id, 18 characters.", nullable=False),
        OWNER,
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
        Column("is_pattern", "boolean", "The pattern of a series, whose tasks are their own records (IsRecurrence)."),
        *lifecycle(),
    ),
)
EVENTS = record(
    "events",
    "event_id",
    "Meetings, past and booked, as they stand: what they were is told by what each load brought.",
    Column("kind", "string", "Field named by MEETING_KIND_FIELD, or Type where the org has it."),
    Column("outcome", "string", "Field named by MEETING_OUTCOME_FIELD."),
    OWNER,
    _WHO,
    _WHAT,
    _ACTIVITY_ACCOUNT,
    Column("start_at", "timestamp", "Start."),
    Column("end_at", "timestamp", "End."),
    Column("is_child", "boolean", "The copy of a meeting in the calendar of a colleague who was invited (IsChild)."),
    Column("is_pattern", "boolean", "The pattern of a series, whose meetings are events of their own (IsRecurrence)."),
    entity="meeting",
    identifiers=(Identifier("who_id", "contact", "link"),),
)
CONTRACTS = record(
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
OPPORTUNITY_STAGES = record(
    "opportunity_stages",
    "stage_record_id",
    "Stages of opportunities, with what closes and what wins a deal; an org has one list of them.",
    Column("stage_name", "string", "Name that opportunities hold (ApiName).", nullable=False),
    Column("label", "string", "Name people see."),
    Column("display_order", "integer", "Order in the list."),
    Column("probability", "double", "Chance to be won, 0 to 1."),
    Column("is_closed", "boolean", "A deal here is closed."),
    Column("is_won", "boolean", "A deal here is won."),
    Column("is_active", "boolean", "In use."),
    deletes=False,
)

SOURCE = Source(
    name="salesforce",
    label="Salesforce",
    description="CRM: leads, contacts, accounts, opportunities with their history, activities, campaigns, contracts.",
    kind="crm",
    tables={
        table.name: table
        for table in (
            LEADS, CONTACTS, ACCOUNTS, OPPORTUNITIES, OPPORTUNITY_HISTORY, OPPORTUNITY_CONTACT_ROLES, CAMPAIGNS,
            CAMPAIGN_MEMBERS, USERS, TASKS, EVENTS, CONTRACTS, OPPORTUNITY_STAGES,
        )
    },
)  # fmt: skip
