"""The errors a person reads: one line each, naming what to mend, never a secret or an address."""


class KpiloteError(Exception):
    """Base of every error whose message is meant for the person who runs Kpilote."""


class SettingsError(KpiloteError):
    """A setting is missing or unusable; the message names the variable."""


class SourceError(KpiloteError):
    """A source refused, is unreachable or answered what cannot be used; the message names source and mend.

    status: the HTTP status it refused with, where there is one.
    """

    status: int | None = None

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"{source}: {message}")
        self.source = source


class TransientSourceError(SourceError):
    """A fault that usually passes (overload, a cut connection) outlasted the retries: the same pull may work later."""


class TypeChangedError(SourceError):
    """A column's type differs from the declared one: the load failed and the lake keeps what it had."""
