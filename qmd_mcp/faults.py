"""What is said when a command ends because of an error, and the exit code that goes with it.

The program's outermost border passes every exception through this module, so that nobody is shown a bare trace. It
imports nothing heavy, because it also answers for exceptions that are raised while the rest is imported.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

from qmd_mcp.errors import CallerError, QmdError, first_line
from qmd_mcp.visible_text import block, one_line

DONE, SETUP, USAGE, CALLER = 0, 1, 2, 3
FAULT = 70
"""EX_SOFTWARE of BSD's sysexits.h: a fault of the program itself, which no other code of ours can be taken for."""
INTERRUPTED = 130
"""As a shell counts a process that SIGINT has ended: 128 and the number of the signal."""

DEBUG_VARIABLE = "QMD_DEBUG"
DEBUG_OPTION = "--debug"

_NO = frozenset({"", "0", "false", "no", "off"})

_MENDS: Mapping[int, str] = {
    errno.ENOSPC: "Free some space there, then run the command again.",
    errno.EDQUOT: "Free some space of your quota, then run the command again.",
    errno.EFBIG: "Raise the limit of the size of a file (ulimit -f unlimited), then run the command again.",
    errno.EROFS: "Make that file system writable, or choose another place with --index.",
    errno.EACCES: "Give yourself the permission, or choose another place with --index.",
    errno.EPERM: "Give yourself the permission, or choose another place with --index.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n 4096), then run the command again.",
    errno.ENFILE: "Close other programs, then run the command again.",
    errno.ENOMEM: "Free some memory, then run the command again.",
    errno.ENAMETOOLONG: "Give a shorter path.",
    errno.ELOOP: "Give a path without the link that leads back to itself.",
    errno.ENOENT: "Check that it exists, then run the command again.",
    errno.EIO: "Check the disk, then run the command again.",
}
"""What a person can do about a refusal of the operating system."""

_OF_NO_FILE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""Refusals that have nothing to do with the file at which they were met."""

_OS_ERROR_OF_RUST = re.compile(r"\(os error (\d+)\)")
_PLACE_IN_RUST = re.compile(r",? ?\(?/[^\s,]+\.rs:\d+(:\d+)?\)?.*", re.DOTALL)
_LANCE = re.compile(r"(lance error: )?(LanceError\((?P<kind>\w+)\): )?(?P<said>.*)", re.DOTALL)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code for what has ended a command."""
    match error:
        case CallerError():
            return CALLER
        case QmdError() | OSError() | MemoryError():
            return SETUP
        case KeyboardInterrupt():
            return INTERRUPTED
        case _:
            return SETUP if _number_of(error) is not None or _of_the_store(error) else FAULT


def sentence_of(error: BaseException) -> str:
    """Say in one line what has ended a command and what to do about it."""
    if isinstance(error, QmdError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, MemoryError):
        return "There is no memory left. Free some memory, then run the command again."
    number = _number_of(error)
    if number == errno.ENOENT and _working_folder_is_gone():
        return "The working folder has been deleted. Change to another one, then run the command again."
    if number is not None:
        named = None if number in _OF_NO_FILE else getattr(error, "filename", None)
        what = f"{os.strerror(number)}{f': {named}' if isinstance(named, str) else ''}"
        return one_line(f"{what}. {_MENDS.get(number, f'{DEBUG_VARIABLE}=1 shows where.')}")
    if _of_the_store(error):
        return one_line(f"The index cannot be used: {_said_by_the_store(error)}. Check --index and the access to it.")
    said = first_line(error)
    kind = type(error).__name__
    about = kind if said == kind else f"{kind}: {_PLACE_IN_RUST.sub('', said)}"
    return one_line(
        f"A fault in the program has ended the command ({about}). Run it again with {DEBUG_VARIABLE}=1 to see where, "
        "and report it."
    )


def report(error: BaseException, *, arguments: Sequence[str] = ()) -> int:
    """Say on standard error what has ended a command, with the trace for who asks for it; return the exit code."""
    cause = _single(error)
    if shows_traces(arguments):
        _write(block("".join(traceback.format_exception(error))).rstrip("\n"))
    _write(f"qmd-mcp: {sentence_of(cause)}")
    return exit_code_of(cause)


def shows_traces(arguments: Sequence[str] = ()) -> bool:
    """Whether the person wants to see the trace of an error: by `--debug` or the variable `QMD_DEBUG`."""
    return DEBUG_OPTION in arguments or os.environ.get(DEBUG_VARIABLE, "").strip().lower() not in _NO


def word_what_no_border_catches() -> None:
    """Let errors of threads, and of objects that are being deleted, be said in a line as well."""

    def of_a_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not issubclass(given.exc_type, SystemExit):
            report(given.exc_value)

    def of_a_deletion(given: sys.UnraisableHookArgs) -> None:
        if shows_traces() and given.exc_value is not None:
            report(given.exc_value)

    threading.excepthook = of_a_thread
    sys.unraisablehook = of_a_deletion


def close_output(code: int) -> int:
    """Write what standard output still holds, and return the exit code; its last error is said like every other.

    Python would write it while it ends, when nothing can be said any more, and end with a code of its own.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        give_up_output()
        return code if error.errno == errno.EPIPE else (report(error) if code == DONE else code)
    return code


def give_up_output() -> None:
    """Send what standard output still holds to nowhere: it takes nothing any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _working_folder_is_gone() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _write(text: str) -> None:
    if sys.stderr is None:  # under pythonw and after `2>&-`
        return
    try:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except OSError:
        pass  # there is nowhere to say it


def _single(error: BaseException) -> BaseException:
    """The first error of a group, since a person can do one thing at a time."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _number_of(error: BaseException) -> int | None:
    """The operating system's number of an error; native libraries and imports only repeat it in their text."""
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        return error.errno
    text = str(error)
    found = _OS_ERROR_OF_RUST.search(text)
    if found:
        return int(found[1])
    return errno.EMFILE if os.strerror(errno.EMFILE) in text else None


def _of_the_store(error: BaseException) -> bool:
    of_its_kind = isinstance(error, RuntimeError | ValueError | OSError)
    return of_its_kind and str(error).startswith(("lance error", "LanceError"))


def _said_by_the_store(error: BaseException) -> str:
    found = _LANCE.match(first_line(error))
    return _PLACE_IN_RUST.sub("", found["said"] if found else first_line(error)).strip().rstrip(".")
