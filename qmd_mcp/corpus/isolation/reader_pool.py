"""Starting reader processes when they are needed, and ending them when they hang, are idle, or nobody needs them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qmd_mcp.corpus.isolation.process_limits import DEFAULT_LIMITS, Limits
from qmd_mcp.corpus.isolation.reader_handle import ReaderHandle
from qmd_mcp.errors import EngineClosingError

IDLE_SECONDS = 60.0
"""How long an idle process is kept, with its 45 MB: starting one takes .3 s, and who reads one document soon reads
another."""

WATCH_SECONDS = 1.0
"""How often it is looked whether a process has to be ended."""


class NoReaderFreeError(Exception):
    """Every process is at work; `IsolatedReading` handles it."""


class ReaderPool:
    """Up to `most` reader processes, shared by the threads of this process."""

    def __init__(self, tokenizer: Path | None, *, most: int, limits: Limits = DEFAULT_LIMITS) -> None:
        self.most = most
        self._limits = limits
        self._tokenizer = tokenizer
        self._alive = 0
        """How many processes there are, including those that are being started."""
        self._idle: list[ReaderHandle] = []
        self._busy: set[ReaderHandle] = set()
        self._closed = False
        self._watching = False
        lock = threading.Lock()
        self._free = threading.Condition(lock)
        self._watch = threading.Condition(lock)

    @contextmanager
    def reader(self, *, fresh: bool = False, wait_seconds: float | None = None) -> Iterator[ReaderHandle]:
        """A process that nobody else uses meanwhile, a new one if `fresh`; it is ended if the body raises an exception.

        Raises:
            NoReaderFreeError: none is free after `wait_seconds`; None waits without end.
            EngineClosingError: the pool is closed.
            ReaderStartError: a process cannot be started.
        """
        reader = self._taken(fresh=fresh, wait_seconds=wait_seconds)
        try:
            yield reader
        except BaseException:
            reader.end()
            with self._free:
                self._busy.discard(reader)
                self._alive -= 1
                self._free.notify()
            raise
        with self._free:
            self._busy.discard(reader)
            if self._closed:
                reader.end()
                self._alive -= 1
            else:
                reader.idle_since = time.monotonic()
                self._idle.append(reader)
            self._free.notify()

    def close(self) -> None:
        """End every process, also one that is at work."""
        with self._free:
            self._closed = True
            for reader in self._idle:
                reader.end()
            self._alive -= len(self._idle)
            self._idle.clear()
            for reader in self._busy:
                reader.expire()  # whoever waits for its answer then ends it
            self._free.notify_all()
            self._watch.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the pool is closed."""
        return self._closed

    def processes(self) -> tuple[int, ...]:
        """The numbers of the processes that there are now."""
        with self._free:
            return tuple(reader.pid for reader in (*self._idle, *self._busy))

    def _taken(self, *, fresh: bool, wait_seconds: float | None) -> ReaderHandle:
        with self._free:
            while not self._closed:
                if self._idle and not fresh:
                    reader = self._idle.pop()
                    self._busy.add(reader)
                    return reader
                if self._alive < self.most:
                    self._alive += 1
                    break
                if self._idle:
                    self._idle.pop().end()
                    self._alive -= 1
                    continue
                if not self._free.wait(wait_seconds):
                    raise NoReaderFreeError
            else:
                raise EngineClosingError
        try:
            reader = ReaderHandle(self._tokenizer, limits=self._limits)
        except BaseException:
            with self._free:
                self._alive -= 1
                self._free.notify()
            raise
        with self._free:
            self._busy.add(reader)
            if self.closed:
                reader.expire()
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._keep_watch, name="reader-processes", daemon=True).start()
        return reader

    def _keep_watch(self) -> None:
        """End what hangs and what is idle, until there is no process left."""
        with self._watch:
            while self._idle or self._busy:
                now = time.monotonic()
                for reader in self._busy:
                    if reader.deadline < now:
                        reader.expire()
                for reader in [each for each in self._idle if each.idle_since + IDLE_SECONDS < now]:
                    self._idle.remove(reader)
                    self._alive -= 1
                    reader.end()
                self._watch.wait(WATCH_SECONDS)
            self._watching = False
