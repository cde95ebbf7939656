"""Ending the process, whatever it is doing."""

from __future__ import annotations

import os
import threading
import time

CLOSING_SECONDS = 1.0
"""How long closing may take: clients wait two seconds after the end of input before they send signals."""

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

    Nothing is lost: answers are flushed one by one, and the index is written in atomic steps.
    """
    ended.wait()
    time.sleep(CLOSING_SECONDS)
    os._exit(0)
