"""Times of one piece of work, run by run, and how much of them is spent in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

import onnxruntime as ort


class TimedSession:
    """A session that adds up how long it computes."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_providers, self.io_binding, self.run = session.get_providers, session.io_binding, session.run
        self._session = session
        self.seconds = 0.0

    def run_with_iobinding(self, binding: ort.IOBinding) -> None:
        """Run the session and add the time."""
        started = perf_counter()
        self._session.run_with_iobinding(binding)
        self.seconds += perf_counter() - started


@dataclass(slots=True)
class Times:
    """Milliseconds of one piece of work, run by run."""

    whole: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    """The part outside the session: Python, binding, sampling."""
    processor: list[float] = field(default_factory=list)
    """CPU time of all threads together, which other work on the machine hardly changes."""

    def of(self, work: Callable[[], object], session: TimedSession, *, parts: int = 1) -> None:
        """Do the work and record the times; with several equal parts, the times of one part."""
        session.seconds = 0.0
        started, used = perf_counter(), process_time()
        work()
        whole, processor = perf_counter() - started, process_time() - used
        self.whole.append(whole * 1e3 / parts)
        self.outside.append((whole - session.seconds) * 1e3 / parts)
        self.processor.append(processor * 1e3 / parts)

    @property
    def text(self) -> tuple[str, str, str]:
        """The medians of all three, as the table has them."""
        return f"{median(self.whole):,.1f}", f"{median(self.outside):,.2f}", f"{median(self.processor):,.1f}"


def share(part: Times, of: Times) -> str:
    """The median of the ratios run by run, of time and of CPU time."""
    time = median(mine / theirs for mine, theirs in zip(part.whole, of.whole, strict=True))
    processor = median(mine / theirs for mine, theirs in zip(part.processor, of.processor, strict=True))
    return f"{time:.2f} (of CPU time {processor:.2f})"
