"""Times of one thing, run by run, and what of them is in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

import onnxruntime as ort


class TimedSession:
    """A session that remembers how long it computes."""

    def __init__(self, session: ort.InferenceSession) -> None:
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs
        self.get_providers, self.io_binding, self.run = session.get_providers, session.io_binding, session.run
        self._session = session
        self.seconds = 0.0

    def run_with_iobinding(self, binding: ort.IOBinding) -> None:
        """Compute, and count the time."""
        started = perf_counter()
        self._session.run_with_iobinding(binding)
        self.seconds += perf_counter() - started


@dataclass(slots=True)
class Times:
    """Milliseconds of one thing, run by run."""

    whole: list[float] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    """What of it was not in the session: Python, binding, sampling."""
    processor: list[float] = field(default_factory=list)
    """Of all threads together; says the same on a busy machine as on a quiet one."""

    def of(self, work: Callable[[], object], session: TimedSession, *, parts: int = 1) -> None:
        """Do it and note what each of its parts took."""
        session.seconds = 0.0
        started, used = perf_counter(), process_time()
        work()
        whole, processor = perf_counter() - started, process_time() - used
        self.whole.append(whole * 1e3 / parts)
        self.outside.append((whole - session.seconds) * 1e3 / parts)
        self.processor.append(processor * 1e3 / parts)

    @property
    def text(self) -> tuple[str, str, str]:
        """Medians."""
        return f"{median(self.whole):,.1f}", f"{median(self.outside):,.2f}", f"{median(self.processor):,.1f}"


def share(part: Times, of: Times) -> str:
    """Median of the ratios run by run: of time, and of processor time."""
    time = median(mine / theirs for mine, theirs in zip(part.whole, of.whole, strict=True))
    processor = median(mine / theirs for mine, theirs in zip(part.processor, of.processor, strict=True))
    return f"{time:.2f} (of processor time {processor:.2f})"
