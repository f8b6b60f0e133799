"""Salesforce's lake tables of people and companies, and the columns every table of it has.

A person is a lead first and a contact once converted; both tables keep what people of either kind say of themselves.
"""

from ingestion.tables.model import Column, Identifier, Table


def lifecycle(*, deletes: bool = True) -> tuple[Column, ...]:
    created = Column("created_at", "timestamp", "When the record was created (CreatedDate).")
    updated = Column(
        "updated_at", "timestamp", "When anything of it last changed (SystemModstamp); of a deleted one its deletion."
    )
    archived = Column("archived", "boolean", "In Salesforce's recycle bin, or gone.", nullable=False)
    return (created, updated, archived) if deletes else (created, updated)


def record(
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
            *lifecycle(deletes=deletes),
        ),
        key=(key,),
        updated_column="updated_at",
        description=description,
        identifiers=identifiers,
        free_text=free_text,
        urls=urls,
        entity=entity,
    )


OWNER = Column("owner_id", "string", "Owner of the record (users.user_id), or of a queue.")
_MERGED = Column("merged_into", "string", "Record that this one was merged into (MasterRecordId).")
_PERSON = (
    Column("email_hash", "string", "HMAC of the normalised email."),
    Column("email_domain", "string", "Domain of the email where it is a company's; free-mail domains are dropped."),
    Column("is_role_address", "boolean", "Whether the email is of a function (info@, sales@), not of a person."),
    Column("country", "string", "Country as Salesforce holds it (ISO 3166-1 alpha-2 or a name)."),
    OWNER,
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

LEADS = record(
    "leads",
    "lead_id",
    "People before they were qualified, converted ones included. No name, no phone, no address: the email is an HMAC.",
    *_PERSON,
    Column("company", "string", "Company as it was typed."),
    Column("website", "string", "Website as it was typed."),
    Column("employees", "integer", "Number of employees of the lead's company."),
    Column("segment", "string", "Field named by LEAD_SEGMENT_FIELD: segment of the lead's company."),
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
CONTACTS = record(
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
ACCOUNTS = record(
    "accounts",
    "account_id",
    "Companies.",
    Column("name", "string", "Company name; of a person account none, it would be the person's."),
    Column("is_person", "boolean", "A person account: a private customer."),
    Column("domain", "string", "Domain of the account's website."),
    Column("country", "string", "Country of the billing address as Salesforce holds it."),
    Column("employees", "integer", "Number of employees."),
    Column("industry", "string", "Industry."),
    Column("segment", "string", "Field named by SEGMENT_FIELD."),
    OWNER,
    _MERGED,
    entity="company",
)
