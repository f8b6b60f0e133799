"""What a browser tells of an arrival beside UTM tags: the page it came from, and the click id of its link."""

from __future__ import annotations

_PAGES = {
    "google": "https://www.google.com/", "bing": "https://www.bing.com/", "linkedin": "https://www.linkedin.com/",
    "facebook": "https://l.facebook.com/", "x": "https://t.co/",
}  # fmt: skip
# Ad platforms mark the links of their ads; Facebook marks every link that leaves it.
_CLICK_IDS = {
    ("google", "cpc"): "gclid", ("google", "display"): "gclid", ("bing", "cpc"): "msclkid",
    ("linkedin", "paid_social"): "li_fat_id", ("facebook", "paid_social"): "fbclid",
}  # fmt: skip


def referrer(source: str, medium: str) -> str | None:
    """The page a visitor came from; a typed address, a mail and an app have none."""
    return f"https://{source}/" if medium == "referral" else _PAGES.get(source)


def click_id(source: str, medium: str) -> str | None:
    """The parameter by which the platform knows the click again."""
    return _CLICK_IDS.get((source, medium))
