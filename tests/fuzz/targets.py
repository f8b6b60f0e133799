"""The targets by name, and its share of the inputs: slow ones get few."""

import random
from collections.abc import Callable
from functools import partial

from tests.fuzz import answers, spreadsheets
from tests.fuzz.feeding import Outcome

TARGETS: dict[str, tuple[int, Callable[[random.Random], Outcome]]] = {
    "sheet: arbitrary bytes": (180, spreadsheets.arbitrary),
    "sheet: damaged csv": (180, spreadsheets.damaged_csv),
    "sheet: random table, csv": (180, spreadsheets.table_csv),
    "sheet: damaged xlsx": (80, spreadsheets.damaged_xlsx),
    "sheet: random table, xlsx": (80, spreadsheets.table_xlsx),
    "api: hubspot": (120, partial(answers.answers, "hubspot")),
    "api: salesforce": (80, partial(answers.answers, "salesforce")),
    "api: salesforce bulk": (80, partial(answers.answers, "salesforce bulk")),
    "api: pipedrive": (120, partial(answers.answers, "pipedrive")),
    "api: matomo": (80, partial(answers.answers, "matomo")),
    "api: mailchimp": (120, partial(answers.answers, "mailchimp")),
    "api: brevo": (120, partial(answers.answers, "brevo")),
    "api: klaviyo": (120, partial(answers.answers, "klaviyo")),
    "api: ga4 reports": (50, partial(answers.answers, "ga4")),
    "api: ga4 export": (10, answers.export),
}
