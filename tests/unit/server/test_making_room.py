"""Who gives way when there is no place left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmd_mcp.server.http.crowd import Crowd, peer_of
from qmd_mcp.server.http.holdings import INTRODUCTION, Holdings


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 10))
def test_a_peer_that_floods_displaces_itself(peers: list[str], places: int) -> None:
    """No peer with fewer members than another one ever loses one, and within a peer the oldest goes first."""
    crowd: Crowd[int] = Crowd()
    inside: dict[int, str] = {}
    for number, peer in enumerate(peers):
        crowd.add(number, peer=peer)
        inside[number] = peer
        if len(crowd) > places:
            counts = {each: list(inside.values()).count(each) for each in inside.values()}
            gone = crowd.pop()
            assert gone is not None
            assert counts[inside[gone]] == max(counts.values())
            assert gone == min(each for each, of in inside.items() if of == inside[gone])
            del inside[gone]
    assert set(crowd) == set(inside)


def test_what_has_left_gives_way_no_more() -> None:
    crowd: Crowd[str] = Crowd()
    crowd.add("first", peer="a")
    crowd.add("second", peer="a")
    crowd.remove("first")
    crowd.remove("first")
    assert (crowd.pop(), crowd.pop()) == ("second", None)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_peer_is_an_address_or_a_network_of_one_owner(one: str, other: str, same: bool) -> None:  # noqa: FBT001  a case
    assert (peer_of((one, 1)) == peer_of((other, 1))) is same
    assert peer_of(None) == peer_of(None)


@pytest.mark.anyio
async def test_what_was_only_opened_makes_room_before_what_is_used_and_what_is_used_makes_none() -> None:
    sessions: Holdings[str] = Holdings()
    for name in ("used", "introduced", "busy", "opened"):
        sessions.add(name)
    for _ in range(INTRODUCTION + 1):
        sessions.hear("used")
    sessions.hear("introduced")
    sessions.occupy("busy")
    order = []
    while (name := sessions.least_used()) is not None:
        order.append(name)
        sessions.remove(name)
    assert order == ["opened", "introduced"]
    sessions.release("busy")
    assert sessions.least_used() == "busy"
