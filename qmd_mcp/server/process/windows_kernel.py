"""The functions of Windows' kernel32.dll that server processes use."""

from __future__ import annotations

import sys
from typing import Protocol

SYNCHRONIZE = 0x0010_0000
EVENT_MODIFY_STATE = 0x0002
WAIT_TIMEOUT = 0x0000_0102
INFINITE = 0xFFFF_FFFF
"""Constants of the Windows API, under its names."""


class Kernel(Protocol):
    """The functions under their names in the Windows API; a handle is an integer, and 0 or None stands for failure."""

    def OpenProcess(self, access: int, inherit: bool, pid: int, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        """Return a handle of a running process, or of an ended one that another handle keeps."""
        ...

    def WaitForSingleObject(self, handle: int, milliseconds: int, /) -> int:  # noqa: N802  Windows' own
        """Wait until a process has ended or an event has been set; return WAIT_TIMEOUT if the time passes first."""
        ...

    def CloseHandle(self, handle: int, /) -> int:  # noqa: N802  Windows' own
        """Give a handle back."""
        ...

    def CreateEventW(self, security: None, manual: bool, state: bool, name: str, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        """Create a named event, which exists until its last handle is closed."""
        ...

    def OpenEventW(self, access: int, inherit: bool, name: str, /) -> int | None:  # noqa: FBT001, N802  Windows' own
        """Open a named event that another process has created."""
        ...

    def SetEvent(self, handle: int, /) -> int:  # noqa: N802  Windows' own
        """Wake whoever waits for an event."""
        ...


def windows_kernel() -> Kernel:
    """Return kernel32 itself; every function gets its types, because ctypes would cut a 64-bit handle to 32 bits.

    Raises:
        OSError: this is not Windows.
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        library = ctypes.WinDLL("kernel32", use_last_error=True)
        types = {
            "OpenProcess": (wintypes.HANDLE, (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)),
            "WaitForSingleObject": (wintypes.DWORD, (wintypes.HANDLE, wintypes.DWORD)),
            "CloseHandle": (wintypes.BOOL, (wintypes.HANDLE,)),
            "CreateEventW": (wintypes.HANDLE, (wintypes.LPVOID, wintypes.BOOL, wintypes.BOOL, wintypes.LPCWSTR)),
            "OpenEventW": (wintypes.HANDLE, (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)),
            "SetEvent": (wintypes.BOOL, (wintypes.HANDLE,)),
        }
        for name, (result, arguments) in types.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        return library
    sentence = "kernel32 exists on Windows only"
    raise OSError(sentence)
