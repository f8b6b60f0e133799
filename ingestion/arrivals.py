"""How a visitor arrived, as far as addresses of pages tell: the host that led here and the kind of click id.

Belongs here: what is taken out of a URL before an erasure cuts it down to its path, so that no session changes its
channel when a person is erased: of a page that referred only the host is kept, of a click id only its kind.
"""

import re

# The parameters that ad platforms and networks append to links, by which they know their own clicks again.
CLICK_IDS = (
    "gclid", "gbraid", "wbraid", "dclid", "msclkid", "yclid", "fbclid", "ttclid", "li_fat_id", "twclid", "sccid",
    "epik", "rdt_cid",
)  # fmt: skip
# The last one of a URL: who passes a link on leaves what it carries, and their network appends its own.
_CLICK_ID = re.compile(rf"(?i)^[^#]*[?&]({'|'.join(CLICK_IDS)})=[^&#]")
# The host of a page, without `www.`, what stands before an @ and what is no host's character.
_HOST = re.compile(r"(?i)^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?:www[.])?([a-z0-9._-]+)")


def host(url: str | None) -> str | None:
    """The host a URL names, in lower case."""
    found = _HOST.match(url or "")
    return found[1].lower() if found else None


def click_id(url: str | None) -> str | None:
    """Which kind of click id a URL carries."""
    found = _CLICK_ID.match(url or "")
    return found[1].lower() if found else None
