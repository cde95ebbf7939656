"""How many files a process of a test may open."""

from __future__ import annotations

import resource


def allow_descriptors(count: int) -> None:
    """Let this process open so many files at once, as far as the machine permits."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
