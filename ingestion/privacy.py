"""Privacy at the door: personal identifiers are replaced before the first byte is written.

Belongs here: what happens to addresses, login ids, vendor ids made from an address, and URLs. Every identifier is
normalised and replaced by HMAC-SHA256 under KPILOTE_HASH_KEY, so equal people meet across sources and nobody
without the key can test an address. A company's domain stays, a free-mail domain does not.
"""

import hmac
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

# Mail services anybody can join: such a domain says nothing of a company and may narrow down a person.
FREE_MAIL_FILE = Path(__file__).with_name("free_mail_domains.csv")
# Mailboxes of a function, which whoever is on duty reads: such an address is no person's.
ROLE_MAILBOX_FILE = Path(__file__).with_name("role_mailboxes.csv")
# An address in a text or URL, also percent-encoded once or twice.
ADDRESS = r"[A-Za-z0-9._%+\-]+(?:@|%40|%2540)[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
REMOVED = "(address)"
HASHES_REMEMBERED = 100_000  # some 30 MB
_ADDRESS = re.compile(ADDRESS)


@lru_cache(maxsize=1)
def free_mail_domains() -> frozenset[str]:
    """Domains of free mail services, one per line after the header; the file is meant to be extended."""
    return frozenset(FREE_MAIL_FILE.read_text(encoding="utf-8").split()[1:])


@lru_cache(maxsize=1)
def role_mailboxes() -> frozenset[str]:
    """Names before the @ that are of a function, one per line after the header; the file is meant to be extended."""
    return frozenset(ROLE_MAILBOX_FILE.read_text(encoding="utf-8").split()[1:])


def is_role_address(email: str) -> bool:
    """Whether an address is of a function (info@, sales+fr@), not of a person: it joins nobody."""
    return email.strip().lower().rpartition("@")[0].partition("+")[0] in role_mailboxes()


def without_addresses(text: str) -> str:
    """A text or URL with every address in it replaced."""
    return _ADDRESS.sub(REMOVED, text) if "@" in text or "%" in text else text


def without_secrets(url: str) -> str:
    """A URL for people to read: no user, no password, no query, in any of which a secret may stand."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def company_domain(email: str) -> str | None:
    """Domain of an address where it is a company's, else None."""
    domain = email.strip().lower().rpartition("@")[2]
    return None if not domain or "." not in domain or domain in free_mail_domains() else domain


@dataclass(frozen=True)
class Hasher:
    """HMAC-SHA256 of identifiers under one key; 64 hexadecimal digits. The key never shows in a repr."""

    key: str = field(repr=False)

    def email(self, address: str) -> str:
        """Hash of an address, whatever its case and surrounding blanks."""
        return self.identifier(address.lower())

    def identifier(self, value: str) -> str:
        """Hash of an identifier that is or may be made from an address: login id, MD5 of an address."""
        return _hashed(self.key, value)


@lru_cache(maxsize=HASHES_REMEMBERED)
def _hashed(key: str, value: str) -> str:
    """The same recipients stand in every campaign's pages: what was hashed of late is not hashed again."""
    normalised = value.strip()
    # A login id that is an address meets the same person's email.
    if "@" in normalised:
        normalised = normalised.lower()
    return hmac.digest(key.encode(), normalised.encode(), "sha256").hex()
