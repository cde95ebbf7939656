"""What the front matter of a document says about it, apart from its title."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Properties:
    """Names, tags, other values and the date of a document."""

    aliases: tuple[str, ...] = ()
    """Other names of the document, which weigh like its title."""
    tags: tuple[str, ...] = ()
    """Distinct tags as they are written, without `#`; a nested tag has slashes: `soil/loam`."""
    about: str = ""
    """The other values that are text, numbers or dates, such as author and description: a line for each key."""
    date_ns: int | None = None
    """Nanoseconds since the epoch. Of a document, the date of its front matter or else the time of its file; of a text
    that was just read, None if its front matter has no date."""


NO_PROPERTIES = Properties()
"""Those of a text without front matter."""
