"""What the imaginary company is made of: its people, markets, channels and campaigns. Constants only, no draws."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_NAMES = (
    "Camille", "Louis", "Emma", "Hugo", "Chloé", "Jules", "Inès", "Paul", "Sarah", "Nathan", "Léa", "Adam", "Manon",
    "Lucas", "Jeanne", "Théo", "Anna", "Max", "Sofia", "Jan", "Lucía", "Marco", "Giulia", "Pieter", "Olivia", "Jack",
    "Amelia", "Noah", "Mia", "Felix", "Elena", "David", "Nora", "Simon", "Laura", "Victor", "Alice", "Oscar", "Clara",
    "Tom",
)  # fmt: skip
LAST_NAMES = (
    "Martin", "Bernard", "Dubois", "Moreau", "Laurent", "Simon", "Michel", "Lefèvre", "Leroy", "Roux", "Fournier",
    "Girard", "Bonnet", "Dupont", "Lambert", "Fontaine", "Rousseau", "Vincent", "Müller", "Schmidt", "Fischer", "Weber",
    "Janssens", "Peeters", "García", "Fernández", "López", "Rossi", "Russo", "Ferrari", "Smith", "Jones", "Taylor",
    "Brown", "Wilson", "Meyer", "Keller", "Davis", "Clark", "Lewis",
)  # fmt: skip
COMPANY_STARTS = (
    "Alto", "Boréal", "Cobalt", "Delta", "Éclat", "Ferro", "Granit", "Horizon", "Iris", "Jade", "Kappa", "Lumen",
    "Mistral", "Nova", "Orion", "Pixel", "Quartz", "Rivage", "Sillage", "Terra", "Ulysse", "Vega", "Westline", "Xenia",
    "Zénith",
)  # fmt: skip
COMPANY_ENDS = (
    "Conseil",
    "Logistique",
    "Santé",
    "Industrie",
    "Studio",
    "Énergie",
    "Retail",
    "Data",
    "Mobilité",
    "Finance",
)
INDUSTRIES = (
    "Computer software", "Consumer goods", "Financial services", "Health care", "Logistics", "Manufacturing", "Retail",
    "Staffing", "Telecommunications",
)  # fmt: skip

# (ISO country, share of prospects, share of deals in USD)
COUNTRIES = (
    ("FR", 0.44, 0.0), ("DE", 0.14, 0.0), ("BE", 0.08, 0.0), ("ES", 0.08, 0.0), ("IT", 0.06, 0.0), ("GB", 0.08, 0.35),
    ("US", 0.09, 1.0), ("CH", 0.03, 0.15),
)  # fmt: skip

SEGMENT_SHARES = (0.62, 0.29, 0.09)
EMPLOYEES = ((3, 49), (50, 499), (500, 8000))
# The segment that sales wrote down for some companies, whatever their size: words of its own, and others for the sizes.
NAMED_SEGMENTS = ("Public sector", "Strategic", "Mid-Market", "Enterprise")
NAMED_SEGMENT_SHARES = (0.12, 0.06, 0.07, 0.03)
# Who brought some of the deals.
PARTNERS = ("Agence Croissance", "Data & Fils", "Nordlicht Beratung")
PARTNER_SHARES = (0.11, 0.07, 0.04)
UNTOLD_RECURRING_SHARE = 0.1  # of the deals: nobody filled the field


@dataclass(frozen=True)
class Entry:
    """A way onto the site: its UTM tags, how common it is, how good its prospects are, where it lands."""

    source: str
    medium: str
    campaign: str | None
    share: float
    quality: float
    landing: str
    platform: str | None = None
    channel: str | None = None
    cost_per_click: float = 0.0  # in the platform's currency
    click_rate: float = 0.0
    currency: str = "EUR"
    contents: tuple[str, ...] = ()  # the ads of the campaign, by their utm_content


ENTRIES = (
    Entry("(direct)", "(none)", None, 0.190, 1.10, "/"),
    Entry("google", "organic", None, 0.255, 1.15, "/blog/pipeline-review"),
    Entry("bing", "organic", None, 0.030, 1.10, "/blog/forecasting"),
    Entry("google", "cpc", "brand-search", 0.055, 1.45, "/", "google_ads", "paid_search", 1.30, 0.090),
    Entry("google", "cpc", "crm-comparison", 0.080, 1.00, "/compare", "google_ads", "paid_search", 5.20, 0.035,
          contents=("headline-price", "headline-time")),
    Entry("google", "cpc", "competitor-names", 0.035, 0.85, "/alternatives", "google_ads", "paid_search", 6.40, 0.025),
    Entry("bing", "cpc", "bing-search", 0.025, 0.95, "/compare", "microsoft_ads", "paid_search", 3.10, 0.030, "USD"),
    Entry("linkedin", "paid_social", "linkedin-decision-makers", 0.050, 0.80, "/guide", "linkedin_ads", "paid_social",
          8.90, 0.006, "USD", contents=("carousel", "customer-video", "single-image")),
    Entry("linkedin", "paid_social", "linkedin-retargeting", 0.025, 1.05, "/demo", "linkedin_ads", "paid_social",
          7.20, 0.008, "USD"),
    Entry("facebook", "paid_social", "meta-lookalikes", 0.045, 0.40, "/guide", "meta_ads", "paid_social", 2.10, 0.011,
          contents=("carousel", "story")),
    Entry("google", "display", "display-remarketing", 0.045, 0.45, "/demo", "google_ads", "display", 1.15, 0.004),
    Entry("linkedin", "social", None, 0.055, 0.80, "/blog/hiring-sales"),
    Entry("x", "social", "launch-week", 0.015, 0.60, "/product"),
    Entry("g2.com", "referral", None, 0.040, 1.70, "/reviews"),
    Entry("agence-partenaire.fr", "referral", None, 0.030, 1.60, "/partners"),
    Entry("podcast-croissance", "audio", "podcast-sponsoring", 0.025, 0.90, "/podcast"),
)  # fmt: skip
EMAIL_ENTRY = Entry("mailchimp", "email", None, 0.0, 1.0, "/product")
# What the CRM writes into a contact's source, by the medium of the way onto the site; whom no form brought is OFFLINE.
OFFLINE = "OFFLINE"
LEAD_SOURCES = {
    "(none)": "DIRECT_TRAFFIC", "organic": "ORGANIC_SEARCH", "cpc": "PAID_SEARCH", "paid_social": "PAID_SOCIAL",
    "social": "SOCIAL_MEDIA", "referral": "REFERRALS", "display": "OTHER_CAMPAIGNS", "audio": "OTHER_CAMPAIGNS",
}  # fmt: skip
RETURNING = 0  # a visitor who comes back mostly types the address
KEY_EVENTS = ("generate_lead", "demo_request", "sign_up")


@dataclass(frozen=True)
class Owner:
    """A salesperson: segment they serve and the days they joined and left, counted from the world's start."""

    first_name: str
    last_name: str
    team: str
    segment: int
    joined: int
    left: int | None = None


OWNERS = (
    Owner("Amandine", "Colin", "SMB", 0, -600),
    Owner("Bastien", "Guérin", "SMB", 0, -500),
    Owner("Chiara", "Conti", "SMB", 0, -300),
    Owner("Dimitri", "Perrot", "SMB", 0, -200, 430),
    Owner("Élodie", "Marchand", "SMB", 0, 150),
    Owner("Farid", "Benali", "SMB", 0, 390),
    Owner("Gaëlle", "Le Goff", "Mid-market", 1, -550),
    Owner("Henrik", "Bauer", "Mid-market", 1, -400),
    Owner("Isabel", "Navarro", "Mid-market", 1, -100),
    Owner("Jérôme", "Picard", "Mid-market", 1, 270),
    Owner("Kathleen", "O'Brien", "Enterprise", 2, -450),
    Owner("Lionel", "Mercier", "Enterprise", 2, -350),
    Owner("Mathilde", "Vidal", "Enterprise", 2, 210),
)

# (stage, label, probability)
STAGES = (
    ("appointmentscheduled", "Appointment scheduled", 0.1),
    ("qualifiedtobuy", "Qualified to buy", 0.25),
    ("presentationscheduled", "Presentation scheduled", 0.4),
    ("decisionmakerboughtin", "Decision maker bought in", 0.6),
    ("contractsent", "Contract sent", 0.8),
    ("closedwon", "Closed won", 1.0),
    ("closedlost", "Closed lost", 0.0),
)
WON = 5
LOST = 6
LOST_REASONS = ("Price", "No decision", "Competitor", "Missing feature", "Timing", "No budget")
LOST_REASON_SHARES = (0.26, 0.24, 0.2, 0.12, 0.1, 0.08)
PLANS = ("Starter", "Team", "Scale")
MEETING_KINDS = ("discovery", "demo", "follow_up")
MEETING_TITLES = ("Discovery call", "Product demo", "Follow-up")
# HubSpot's built-in call outcomes: Connected, No answer, Left voicemail.
CALL_DISPOSITIONS = (
    "f240bbac-87c9-4f6e-bf70-924b57d47db7",
    "73a0d17f-1163-4015-bdd5-ec830791da20",
    "b2cf5968-551e-4856-9783-52b3da59a7d0",
)
LIFECYCLE = ("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
EMAIL_LISTS = (("a1b2c3d4e5", "Newsletter"), ("f6a7b8c9d0", "Product updates"))
EMAIL_TOPICS = (
    "Pipeline reviews that take 20 minutes", "What your win rate hides", "New: forecasts by segment",
    "The cost of a slow follow-up", "A scorecard people read", "Customer story: half the reporting time",
    "New: alerts where you work", "Five questions before you buy ads",
)  # fmt: skip
