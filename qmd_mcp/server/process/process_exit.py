"""Ending the process, whatever it is doing."""

from __future__ import annotations

import os
import threading
import time

CLOSING_SECONDS = 1.0
"""What closing may take: clients wait two seconds after the end of input before they send signals."""

IDLE_SECONDS = 0.1
"""In which a worker thread without work ends."""


def leave_if_busy() -> None:
    """End the process if a thread still imports: the interpreter would wait for it and break its imports meanwhile."""
    others = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    for thread in others:
        thread.join(IDLE_SECONDS)
    if any(thread.is_alive() for thread in others):
        os._exit(0)


def leave_anyway(ended: threading.Event) -> None:
    """End the process if something deep in a library keeps it from closing.

    Nothing is lost: answers are flushed one by one, and the index is written in atomic steps.
    """
    ended.wait()
    time.sleep(CLOSING_SECONDS)
    os._exit(0)
