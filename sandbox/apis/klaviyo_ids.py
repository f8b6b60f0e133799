"""Ids as Klaviyo makes them, from texts of the world: equal texts give equal ids, on any machine and any day."""

from __future__ import annotations

import hashlib
import uuid

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_GREGORIAN = 0x01B21DD213814000  # hundreds of nanoseconds between 1582, where version 1 begins, and 1970


def _digits(seed: str, size: int) -> int:
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=size).digest())


def ulid(milliseconds: int, seed: str) -> str:
    """26 characters: an instant, then eighty bits of the seed."""
    number = (max(0, milliseconds) << 80) | _digits(seed, 10)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def short_id(seed: str) -> str:
    """Six letters and digits, as lists and metrics have."""
    number, found = _digits(seed, 8), ""
    for _ in range(6):
        number, place = divmod(number, len(_LETTERS))
        found += _LETTERS[place]
    return found


def stable_uuid(seed: str, seconds: int) -> uuid.UUID:
    """A UUID of version 1 whose time is the event's."""
    ticks = seconds * 10_000_000 + _GREGORIAN
    clock = _digits(seed, 8)
    return uuid.UUID(
        fields=(ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF | 0x1000, clock >> 56 & 0x3F | 0x80,
                clock >> 48 & 0xFF, clock & 0xFFFFFFFFFFFF)
    )  # fmt: skip
