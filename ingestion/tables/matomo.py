"""Matomo's lake tables: visits with the goals they converted, its own daily totals, and the site they belong to.

A visit is filed under the day of its last action in the site's time zone, as Matomo's log and reports do.
"""

from ingestion.tables.model import Column, Identifier, Source, Table

_VISIT_DATE = Column("visit_date", "date", "Day of the visit's last action in the site's time zone.", nullable=False)
_VISIT_ID = Column("visit_id", "integer", "Matomo's idVisit.", nullable=False)
_CLIENT_ID = Column("client_id", "string", "Browser id (visitorId); null where Matomo hides it.")
_USER_ID_HASH = Column("user_id_hash", "string", "HMAC of the login id (userId).")
_VISITOR = (Identifier("client_id", "client"), Identifier("user_id_hash", "hash"))

VISITS = Table(
    source="matomo",
    name="visits",
    kind="window",
    day_column="visit_date",
    key=("visit_date", "visit_id"),
    description="Visits of closed days. Whole days are replaced: log imports bring visits late.",
    identifiers=_VISITOR,
    free_text=("referrer_keyword",),
    urls=("landing_page",),
    columns=(
        _VISIT_DATE,
        _VISIT_ID,
        _CLIENT_ID,
        _USER_ID_HASH,
        Column("started_at", "timestamp", "First action, to the second.", nullable=False),
        Column("last_action_at", "timestamp", "Last action, to the second.", nullable=False),
        Column("referrer_type", "string", "direct, search, website, campaign, social or ai-assistant."),
        Column("referrer_name", "string", "Search engine, host, social network, or the campaign's name."),
        Column("referrer_keyword", "string", "Search or campaign keyword, without addresses."),
        Column("source", "string", "Campaign source; null without the plugin MarketingCampaignsReporting."),
        Column("medium", "string", "Campaign medium; null without that plugin."),
        Column("campaign", "string", "Campaign name; null without that plugin."),
        Column("content", "string", "Ad or link within the campaign; null without that plugin."),
        Column("country", "string", "ISO 3166-1 alpha-2 in lower case; xx where it is unknown."),
        Column("device", "string", "Matomo's device type in English, e.g. Desktop, Smartphone, Tablet."),
        Column("landing_page", "string", "URL of the first page view, without addresses."),
        Column("click_id", "string", "Kind of click id in the URL, where Matomo is told to keep it: gclid, fbclid, …"),
        Column("page_views", "integer", "Page views."),
        Column("actions", "integer", "Page views, downloads, outlinks and site searches."),
        Column("duration_seconds", "integer", "Length of the visit in seconds."),
        Column("conversions", "integer", "Goals and orders converted in the visit."),
        Column("key_events", "integer", "Of these, conversions that count (SOURCES__MATOMO__KEY_GOALS)."),
    ),
)
GOAL_CONVERSIONS = Table(
    source="matomo",
    name="goal_conversions",
    kind="window",
    day_column="visit_date",
    key=("visit_date", "visit_id", "goal_id", "converted_at", "ordinal"),
    description="Goals and orders converted in visits; abandoned carts are none.",
    identifiers=(*_VISITOR, Identifier("order_id", "order", "link")),
    urls=("page",),
    columns=(
        _VISIT_DATE,
        _VISIT_ID,
        _CLIENT_ID,
        _USER_ID_HASH,
        Column(
            "goal_id", "string", "Goal id; `order` for orders, `deleted` for goals that are no more.", nullable=False
        ),
        Column("goal_name", "string", "Goal's name; null for orders and deleted goals."),
        Column("converted_at", "timestamp", "When it was converted, to the second.", nullable=False),
        Column("page", "string", "URL it was converted on, without addresses."),
        Column("revenue", "decimal", "Revenue in the site's currency."),
        Column("order_id", "string", "Order id."),
        Column("is_key", "boolean", "It counts as a key event (SOURCES__MATOMO__KEY_GOALS).", nullable=False),
        Column("ordinal", "integer", "Number among rows equal in every other part of the key, from 0.", nullable=False),
    ),
)
DAILY_TRAFFIC = Table(
    source="matomo",
    name="daily_traffic",
    kind="window",
    day_column="report_date",
    key=("report_date",),
    description="Matomo's own daily totals, archived; they reconcile visits. Visitors must not be added up over days.",
    columns=(
        Column("report_date", "date", "Day in the site's time zone.", nullable=False),
        Column("visits", "integer", "Visits."),
        Column("unique_visitors", "integer", "Visitors of the day; not additive."),
        Column("users", "integer", "Logged-in users of the day; not additive."),
        Column("actions", "integer", "Page views, downloads, outlinks and site searches."),
        Column("converted_visits", "integer", "Visits that converted a goal."),
        Column("bounces", "integer", "Visits with a single action."),
        Column("duration_seconds", "integer", "Length of all visits in seconds."),
        Column("direct_visits", "integer", "Visits without a referrer."),
        Column("search_visits", "integer", "Visits from search engines."),
        Column("website_visits", "integer", "Visits from other websites."),
        Column("campaign_visits", "integer", "Visits from campaigns."),
        Column("social_visits", "integer", "Visits from social networks."),
    ),
)
GOALS = Table(
    source="matomo",
    name="goals",
    kind="record",
    key=("site_id", "goal_id"),
    description="Goals of the site. One that is deleted there stays here as it was: past conversions need its name.",
    columns=(
        Column("site_id", "string", "Site id.", nullable=False),
        Column("goal_id", "string", "Goal id, unique within the site.", nullable=False),
        Column("name", "string", "Goal's name."),
        Column("match_attribute", "string", "What converts it: url, title, event_action, manually, …"),
        Column("revenue", "decimal", "Revenue of one conversion in the site's currency."),
        Column("is_key", "boolean", "It counts as a key event (SOURCES__MATOMO__KEY_GOALS).", nullable=False),
    ),
)
SITES = Table(
    source="matomo",
    name="sites",
    kind="record",
    key=("site_id",),
    description="The site that is measured.",
    columns=(
        Column("site_id", "string", "Site id.", nullable=False),
        Column("name", "string", "Site's name."),
        Column("time_zone", "string", "The site's time zone: it cuts visit_date and report_date."),
        Column("currency", "string", "The site's currency, ISO 4217."),
        Column("created_at", "timestamp", "When it was added to Matomo."),
    ),
)

SOURCE = Source(
    name="matomo",
    label="Matomo",
    description="Web analytics: visits, the goals they converted, and Matomo's own daily totals.",
    kind="analytics",
    tables={table.name: table for table in (VISITS, GOAL_CONVERSIONS, DAILY_TRAFFIC, GOALS, SITES)},
)
