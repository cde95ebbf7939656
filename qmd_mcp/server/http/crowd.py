"""Members that wait for their place, of which one gives way when there are too many."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Generic, TypeVar

Member = TypeVar("Member")

NETWORK_BITS = 64
"""How much of an IPv6 address tells one peer from another: whoever has one address has the rest of its /64 as well
(RFC 4291, section 2.5.4)."""


class Crowd(Generic[Member]):
    """Members by the peer that they came from, in the order in which they came.

    The one that gives way is the oldest of the peer that has most. So a peer that floods the server displaces itself,
    and where all have one address, as on the loopback, the newest member always finds a place.
    """

    def __init__(self) -> None:
        self._by_peer: dict[str, dict[Member, None]] = {}
        self._peers: dict[Member, str] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._peers))

    def add(self, member: Member, *, peer: str) -> None:
        """Let a member in, as the newest of its peer; one that is in already stays where it is."""
        if member not in self._peers:
            self._peers[member] = peer
            self._by_peer.setdefault(peer, {})[member] = None

    def remove(self, member: Member) -> None:
        """Let a member go; it is no error if it is gone already."""
        peer = self._peers.pop(member, None)
        if peer is not None:
            del self._by_peer[peer][member]
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def pop(self) -> Member | None:
        """Take out the member that gives way; None if there is none."""
        if not self._peers:
            return None
        most = max(self._by_peer, key=lambda peer: len(self._by_peer[peer]))
        member = next(iter(self._by_peer[most]))
        self.remove(member)
        return member


def peer_of(client: tuple[str, int] | None) -> str:
    """Return the peer of a connection by its address; connections without one, as over a Unix socket, are one peer."""
    host = client[0] if client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or int(address) >> (address.max_prefixlen - NETWORK_BITS))
