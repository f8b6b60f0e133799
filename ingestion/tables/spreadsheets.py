"""The files people edit or export. Each type is read whole and replaces what was read before; headers are the
column names.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

FILE_COLUMNS = (
    Column("file_name", "string", "File the row was read from.", nullable=False),
    Column("row_number", "integer", "Row in that file as a spreadsheet shows it; the header is row 1.", nullable=False),
)
# Columns the connector adds: never in a template.
ADDED = {*(column.name for column in FILE_COLUMNS), "year_start", "touched_on"}
# Columns that files have in place of the lake's.
IN_FILES = {
    "email_hash": Column("email", "string", "The person's email address; only its hash is kept.", nullable=False)
}
TOUCH_TYPES = ("event", "partner_referral", "offline")
# What a header may say instead of the column's name, in French; compared without case, accents and punctuation.
ALIASES = {
    "date": ("jour",),
    "platform": ("plateforme", "regie"),
    "channel": ("canal",),
    "campaign": ("campagne",),
    "spend": ("depense", "depenses", "cout"),
    "currency": ("devise", "monnaie"),
    "impressions": ("affichages",),
    "clicks": ("clics",),
    "month": ("mois",),
    "category": ("categorie",),
    "amount": ("montant",),
    "kpi": ("indicateur",),
    "cadence": ("frequence",),
    "period_start": ("debut_de_periode", "debut_periode"),
    "dimension_value": ("valeur_de_dimension", "valeur_dimension"),
    "target": ("objectif", "cible"),
    "rate": ("taux",),
    "subscription_id": ("id_abonnement", "id_contrat"),
    "customer_id": ("id_client",),
    "plan": ("formule", "offre"),
    "mrr": ("montant_mensuel",),
    "started_on": ("debut", "date_de_debut"),
    "ended_on": ("fin", "date_de_fin"),
    "sector": ("secteur",),
    "year": ("annee",),
    "value": ("valeur",),
    "touched_at": ("date_du_contact", "date_et_heure", "date_heure"),
    "email": ("e_mail", "mail", "courriel", "adresse_e_mail", "adresse_email"),
    "touch_type": ("type", "type_de_contact"),
}
_CURRENCY = Column("currency", "string", "ISO 4217 code, e.g. EUR.", nullable=False)


def _sheet(
    name: str,
    key: tuple[str, ...],
    day_column: str,
    description: str,
    *columns: Column,
    identifiers: tuple[Identifier, ...] = (),
) -> Table:
    return Table(
        source="spreadsheets",
        name=name,
        kind="window",
        columns=(*columns, *FILE_COLUMNS),
        key=key,
        day_column=day_column,
        description=description,
        identifiers=identifiers,
    )


AD_SPEND = _sheet(
    "ad_spend",
    ("date", "platform", "channel", "campaign", "currency"),
    "date",
    "Media spend per day, platform and campaign.",
    Column("date", "date", "Day of the spend.", nullable=False),
    Column("platform", "string", "Ad platform, e.g. google_ads.", nullable=False),
    Column("channel", "string", "Channel as the KPIs name it, e.g. paid_search.", nullable=False),
    Column("campaign", "string", "Campaign name, the same as in utm_campaign."),
    Column("spend", "decimal", "Amount spent.", nullable=False),
    _CURRENCY,
    Column("impressions", "integer", "Times shown."),
    Column("clicks", "integer", "Clicks."),
)
MARKETING_COSTS = _sheet(
    "marketing_costs",
    ("month", "category", "channel", "currency"),
    "month",
    "Costs other than media, per month.",
    Column("month", "date", "Any day of the month (or 2026-03); kept as its first day.", nullable=False),
    Column("category", "string", "salaries_marketing, salaries_sales, tools, agency, events, …", nullable=False),
    Column("channel", "string", "Channel the cost belongs to; empty when it serves all."),
    Column("amount", "decimal", "Amount.", nullable=False),
    _CURRENCY,
)
TARGETS = _sheet(
    "targets",
    ("kpi", "cadence", "period_start", "dimension", "dimension_value"),
    "period_start",
    "Targets of KPIs.",
    Column("kpi", "string", "KPI name, e.g. leads_created.", nullable=False),
    Column("cadence", "string", "day, week, month, quarter or year.", nullable=False),
    Column("period_start", "date", "First day of the period.", nullable=False),
    Column("dimension", "string", "total, channel, campaign, country, segment, owner or partner.", nullable=False),
    Column("dimension_value", "string", "Value of the dimension; total for the total.", nullable=False),
    Column("target", "double", "Target in the KPI's unit; a ratio of 12 % is 0.12.", nullable=False),
)
FX_RATES = _sheet(
    "fx_rates",
    ("date", "currency"),
    "date",
    "Daily exchange rates.",
    Column("date", "date", "Day of the rate.", nullable=False),
    _CURRENCY,
    Column("rate", "double", "Reporting currency per unit of `currency`.", nullable=False),
)
SUBSCRIPTIONS = _sheet(
    "subscriptions",
    ("subscription_id",),
    "started_on",
    "Billing export of recurring contracts. A price change ends one row and starts another.",
    Column("subscription_id", "string", "Contract id.", nullable=False),
    Column(
        "customer_id",
        "string",
        "The customer's company id in the CRM; `source:id` where there are several.",
        nullable=False,
    ),
    Column("plan", "string", "Plan."),
    Column("mrr", "decimal", "Monthly amount.", nullable=False),
    _CURRENCY,
    Column("started_on", "date", "First day.", nullable=False),
    Column("ended_on", "date", "First day it no longer ran; empty while it runs."),
)
BENCHMARKS = _sheet(
    "benchmarks",
    ("kpi", "sector", "year"),
    "year_start",
    "Published benchmarks of KPIs.",
    Column("kpi", "string", "KPI name.", nullable=False),
    Column("sector", "string", "Sector, e.g. b2b_saas.", nullable=False),
    Column("year", "integer", "Year the figure is for.", nullable=False),
    Column("value", "double", "Value in the KPI's unit.", nullable=False),
    Column("source", "string", "Who published it.", nullable=False),
    Column("definition", "string", "How the publisher defines it."),
    Column("year_start", "date", "First of January of `year`.", nullable=False),
)
TOUCHES = _sheet(
    "touches",
    ("touched_at", "email_hash", "touch_type", "channel", "campaign"),
    "touched_on",
    "Contacts with people that no other system tells of: events, referrals by partners, letters.",
    Column(
        "touched_at",
        "timestamp",
        "When, in the reporting time zone unless the time names its own; a day alone is its beginning.",
        nullable=False,
    ),
    Column("email_hash", "string", "HMAC of the normalised email.", nullable=False),
    Column("touch_type", "string", "event, partner_referral or offline.", nullable=False),
    Column("channel", "string", "Channel as the KPIs name it, e.g. events, partner.", nullable=False),
    Column("campaign", "string", "Campaign name, e.g. of the event."),
    Column("touched_on", "date", "Day of touched_at in the reporting time zone.", nullable=False),
    identifiers=(Identifier("email_hash", "hash"),),
)

SOURCE = Source(
    name="spreadsheets",
    label="Spreadsheets",
    description="Files people edit or export: spend, costs, targets, rates, contracts, benchmarks, touches.",
    kind="files",
    tables={
        table.name: table
        for table in (AD_SPEND, MARKETING_COSTS, TARGETS, FX_RATES, SUBSCRIPTIONS, BENCHMARKS, TOUCHES)
    },
)
