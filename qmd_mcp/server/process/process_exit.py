"""Ending the process, whatever it is doing."""

from __future__ import annotations

import os
import threading
import time

CLOSING_SECONDS = 1.0
"""How long closing may take: clients wait two seconds after the end of input before they send signals."""

ANSWERING_SECONDS = 5.0
"""How long a process may go on computing after the end of input: clients kill it a few seconds after their signal."""

BUSY_SECONDS = 0.01
"""Processor time within `CLOSING_SECONDS` by which a process that computes is told from one that only waits: on a
machine with fifteen busy processes for two cores it got a tenth of a second."""

IDLE_SECONDS = 0.1
"""How long a worker thread without work takes to end."""


def leave_at_once() -> None:
    """End the process where there is nothing to close yet."""
    os._exit(0)


def leave_if_busy() -> None:
    """End the process if a thread is still importing: the interpreter would wait for it and break its imports."""
    others = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    for thread in others:
        thread.join(IDLE_SECONDS)
    if any(thread.is_alive() for thread in others):
        os._exit(0)


def leave_anyway(ended: threading.Event) -> None:
    """End the process some time after `ended` is set, in case a library keeps it from closing.

    A process that still computes may be about to answer, on a busy machine for longer than `CLOSING_SECONDS`; it gets
    `ANSWERING_SECONDS`. Nothing is lost: answers are flushed one by one, and the index is written in atomic steps.
    """
    ended.wait()
    last = time.monotonic() + ANSWERING_SECONDS
    computed = -BUSY_SECONDS
    while time.process_time() - computed >= BUSY_SECONDS and time.monotonic() < last:
        computed = time.process_time()
        time.sleep(CLOSING_SECONDS)
    os._exit(0)
