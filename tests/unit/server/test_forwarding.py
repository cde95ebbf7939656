"""A conversation that another process answers, with scripted upstreams and real streams."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from typing import Any

import pytest

from qmd_mcp.server.process.forwarding import ATTEMPTS, Conversation
from qmd_mcp.server.process.upstream import RefusedError

PATIENCE = 30.0
"""Seconds that any step may take on a busy machine."""

BUSY = "The server is busy."


class Scripted:
    """An upstream in memory: it refuses some messages, answers others, and is gone after so many.

    It never answers what it is `silent` about, and what is `fatal` ends it once it has taken it.
    """

    def __init__(
        self,
        name: str,
        *,
        refuses: Collection[object] = (),
        silent: Collection[object] = (),
        fatal: Collection[object] = (),
        lasts: int | None = None,
    ) -> None:
        self.name = name
        self.refuses = refuses
        self.silent = silent
        self.fatal = fatal
        self.lasts = lasts
        self.received: list[object] = []
        """The id of every request and the method of every notification that came through."""
        self.closed = threading.Event()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def send(self, line: bytes) -> None:
        message = json.loads(line)
        subject = message.get("id", message["method"])
        if self.lasts is not None and len(self.received) >= self.lasts:
            self.vanish()
            raise BrokenPipeError
        if subject in self.refuses:
            raise RefusedError(BUSY)
        self.received.append(subject)
        if subject in self.fatal:
            self.vanish()
        elif "id" in message and subject not in self.silent:
            self.answer(subject)

    def answer(self, number: object) -> None:
        self._lines.put(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"by": self.name}}).encode())

    def vanish(self) -> None:
        self._lines.put(None)

    def lines(self) -> Iterator[bytes]:
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            yield line

    def close(self) -> None:
        self.closed.set()
        self.vanish()


def request(number: int, method: str = "tools/call") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {}}).encode() + b"\n"


def notification(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode() + b"\n"


INTRODUCTION = (request(1, "initialize"), notification("notifications/initialized"))


def answered(by: str, *numbers: int) -> dict[object, object]:
    return dict.fromkeys(numbers, by)


def successors(*upstreams: Scripted) -> Callable[[], Scripted]:
    """Connect to one after the other; once there is none left, connecting fails."""
    left = list(upstreams)

    def connect() -> Scripted:
        if not left:
            raise ConnectionRefusedError
        return left.pop(0)

    return connect


def talk(
    first: Scripted, *later: Scripted, asked: Collection[bytes], ending_seconds: float = PATIENCE
) -> dict[object, object]:
    """Ask everything at once and wait for every answer: who answered each id, or the sentence of its error."""
    output = BytesIO()
    conversation = Conversation(first, connect=successors(*later), output=output, ending_seconds=ending_seconds)
    conversation.run(BytesIO(b"".join(asked)))
    return said(output)


def said(output: BytesIO) -> dict[object, object]:
    messages: list[dict[str, Any]] = [json.loads(line) for line in output.getvalue().splitlines()]
    numbers = [message["id"] for message in messages]
    assert len(numbers) == len(set(numbers)), "a request is answered once"
    return {
        message["id"]: message["result"]["by"] if "result" in message else message["error"]["message"]
        for message in messages
    }


def test_what_is_refused_at_first_is_an_error_of_its_request_and_the_others_are_answered() -> None:
    first = Scripted("first", refuses={2})
    assert talk(first, asked=[request(1), request(2), request(3)]) == {**answered("first", 1, 3), 2: BUSY}
    assert first.closed.is_set()


def test_what_the_successor_refuses_is_an_error_of_its_request_and_the_others_are_answered() -> None:
    """The input goes on: the client asks more after the refusal."""
    first = Scripted("first", silent={1, 2, 3}, lasts=3)
    second = Scripted("second", refuses={1, 3})
    asked = [request(number) for number in (1, 2, 3, 4, 5)]
    assert talk(first, second, asked=asked) == {**answered("second", 2, 4, 5), 1: BUSY, 3: BUSY}


def test_a_refusal_is_answered_also_if_the_first_went_away_by_itself() -> None:
    """Then the thread that listens asks the successor."""
    first = Scripted("first", fatal={1})
    second = Scripted("second", refuses={1})
    assert talk(first, second, asked=[request(1)]) == {1: BUSY}


def test_if_whoever_answers_goes_away_in_the_middle_the_successor_answers_what_is_open() -> None:
    first = Scripted("first", silent={2}, lasts=2)
    second = Scripted("second")
    answers = talk(first, second, asked=[request(1), request(2), request(3)])
    assert {number: answers[number] for number in (2, 3)} == answered("second", 2, 3)
    assert 2 in second.received
    assert first.closed.is_set()


def test_the_introduction_is_repeated_in_order_and_its_answer_held_back() -> None:
    first = Scripted("first", lasts=2)
    second = Scripted("second")
    with_pipe = Piped(first, second)
    with_pipe.write(*INTRODUCTION)
    assert with_pipe.read() == {1: "first"}
    with_pipe.write(request(2))
    assert with_pipe.read() == {2: "second"}
    assert with_pipe.end() == {}
    assert second.received == [1, "notifications/initialized", 2]


def test_an_introduction_that_is_not_answered_yet_is_repeated_once_and_answered_by_the_successor() -> None:
    first = Scripted("first", silent={1}, lasts=2)
    second = Scripted("second")
    assert talk(first, second, asked=[*INTRODUCTION, request(2)]) == answered("second", 1, 2)
    assert second.received == [1, "notifications/initialized", 2]


def test_a_successor_that_refuses_the_introduction_is_followed_by_another() -> None:
    first = Scripted("first", silent={1}, lasts=2)
    busy = Scripted("busy", refuses={1})
    third = Scripted("third")
    assert talk(first, busy, third, asked=[*INTRODUCTION, request(2)]) == answered("third", 1, 2)
    assert busy.closed.is_set()


def test_a_cancelled_request_is_not_repeated() -> None:
    first = Scripted("first", silent={1, 2}, lasts=3)
    second = Scripted("second")
    cancelled = notification("notifications/cancelled", requestId=1)
    assert talk(first, second, asked=[request(1), request(2), cancelled, request(3)]) == answered("second", 2, 3)
    assert second.received == [2, 3]


def test_a_notification_that_whoever_answers_did_not_take_goes_to_the_successor() -> None:
    first = Scripted("first", silent={1}, lasts=1)
    second = Scripted("second", silent={1})
    changed = notification("notifications/roots/list_changed")
    assert talk(first, second, asked=[request(1), changed], ending_seconds=0) == {}
    assert second.received == [1, "notifications/roots/list_changed"]


def test_an_answer_that_comes_after_the_end_of_input_is_delivered() -> None:
    first = Scripted("first", silent={1})
    piped = Piped(first)
    piped.write(request(1), request(2))
    assert piped.read() == {2: "first"}
    piped.end_input()
    first.answer(1)
    assert piped.end() == {1: "first"}


def test_the_end_of_input_waits_no_longer_than_it_should_for_answers() -> None:
    first = Scripted("first", silent={1})
    assert talk(first, asked=[request(1)], ending_seconds=0) == {}
    assert first.closed.is_set()


@pytest.mark.parametrize("how", [{"fatal": {1}}, {"lasts": 0}], ids=["each takes it and ends", "each is gone before"])
def test_if_all_fail_every_request_is_told_so(how: dict[str, Any]) -> None:
    """And no more are tried for it than may fail."""
    first, *later = (Scripted(f"upstream {number}", **how) for number in range(ATTEMPTS + 2))
    answers = talk(first, *later, asked=[request(1)])
    assert list(answers) == [1]
    assert "could not be started" in str(answers[1])
    assert [upstream.closed.is_set() for upstream in later] == [True] * ATTEMPTS + [False]


def test_if_nobody_can_be_reached_every_request_is_told_so() -> None:
    answers = talk(Scripted("first", silent={1}, lasts=1), asked=[request(1), request(2)])
    assert sorted(answers, key=str) == [1, 2]
    assert len(set(answers.values())) == 1


def test_a_request_that_ends_everybody_who_takes_it_is_given_up() -> None:
    """Though each of them answers the introduction before."""
    piped = Piped(*(Scripted(f"upstream {number}", fatal={2}) for number in range(ATTEMPTS + 1)), Scripted("last"))
    piped.write(*INTRODUCTION)
    assert piped.read() == {1: "upstream 0"}
    piped.write(request(2))
    assert "could not be started" in str(piped.read()[2])
    piped.write(request(3))
    assert piped.read() == {3: "last"}
    assert piped.end() == {}


def test_after_all_have_failed_the_next_request_is_tried_anew() -> None:
    failing = [Scripted(f"upstream {number}", lasts=0) for number in range(ATTEMPTS + 1)]
    piped = Piped(*failing, Scripted("last"))
    piped.write(request(1))
    assert "could not be started" in str(piped.read()[1])
    piped.write(request(2))
    assert piped.read() == {2: "last"}
    assert piped.end() == {}


class Piped:
    """A conversation over two real pipes, which runs beside the test."""

    def __init__(self, first: Scripted, *later: Scripted) -> None:
        source, self._input = os.pipe()
        output, written = os.pipe()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def run() -> None:
            with os.fdopen(source, "rb") as lines, os.fdopen(written, "wb") as target:
                Conversation(first, connect=successors(*later), output=target, ending_seconds=PATIENCE).run(lines)

        def listen() -> None:
            with os.fdopen(output, "rb") as lines:
                for line in lines:
                    self._answers.put(line)

        self._threads = [threading.Thread(target=work, daemon=True) for work in (run, listen)]
        for thread in self._threads:
            thread.start()

    def write(self, *lines: bytes) -> None:
        os.write(self._input, b"".join(lines))

    def read(self) -> dict[object, object]:
        return said(BytesIO(self._answers.get(timeout=PATIENCE)))

    def end_input(self) -> None:
        if self._input >= 0:
            os.close(self._input)
            self._input = -1

    def end(self) -> dict[object, object]:
        """End the input, and give what was still answered."""
        self.end_input()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        rest = BytesIO()
        while not self._answers.empty():
            rest.write(self._answers.get())
        return said(rest)
