"""Which opens and clicks a machine made: mail proxies fetch a message's pictures ahead of people.

Email platforms tell the address of the net an event came from. Here it is looked up in the proxies' ranges and goes no
further. Belongs here: the ranges and the look-up. Does not: what a platform itself marks as a machine's (`sources/`).
"""

import ipaddress

from ingestion.errors import SettingsError

# Apple's and Google's mail proxies.
PROXY_RANGES = "17.0.0.0/8,66.102.0.0/20,66.249.80.0/20,104.28.0.0/16,172.224.0.0/12"


class Proxies:
    """Address ranges, comma-separated; `setting` names where they come from."""

    def __init__(self, ranges: str, setting: str) -> None:
        try:
            self._networks = [ipaddress.ip_network(each.strip()) for each in ranges.split(",") if each.strip()]
        except ValueError as error:
            raise SettingsError(f"{setting} is not usable: {error}") from None
        self._known: dict[str, bool] = {}

    def hold(self, address: str | None) -> bool:
        """Whether an address lies in the ranges; what is no address lies in none."""
        if not address:
            return False
        if address not in self._known:
            self._known[address] = self._look_up(address)
        return self._known[address]

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
