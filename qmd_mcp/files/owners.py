"""Whose files this process may rely on, and who else could change them.

Windows has neither the owner nor the mode of a file that POSIX has: there nothing is said to be somebody else's.
"""

from __future__ import annotations

import os
import stat
import sys

_ROOT = 0
_BY_GROUP_OR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def belongs_to_me(state: os.stat_result) -> bool:
    """Whether a file is this user's, or root's, who could change everything anyway.

    Root relies on files of the user who called it with sudo, as git does for its `safe.directory`, and on nobody
    else's.
    """
    if sys.platform == "win32":
        return True
    me = os.geteuid()
    caller = os.environ.get("SUDO_UID", "") if me == _ROOT else ""
    return state.st_uid in {_ROOT, me} or (caller.isdecimal() and state.st_uid == int(caller))


def others_may_write(state: os.stat_result) -> bool:
    """Whether another user may write a file or folder.

    A group that has its owner's name and no other member is the owner's own: Debian, Fedora and others give every user
    one, and a umask of 002 with it.
    """
    if sys.platform == "win32":
        return False
    if state.st_mode & stat.S_IWOTH:
        return True
    return bool(state.st_mode & stat.S_IWGRP) and not _is_own_group(state)


def others_may_look(state: os.stat_result) -> bool:
    """Whether the mode lets anybody but the owner do anything."""
    return sys.platform != "win32" and bool(state.st_mode & _BY_GROUP_OR_OTHERS)


def _is_own_group(state: os.stat_result) -> bool:
    if sys.platform == "win32":
        return True
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(state.st_uid), grp.getgrgid(state.st_gid)
    except KeyError:  # the machine knows no such user or group
        return False
    return group.gr_name == owner.pw_name and owner.pw_gid == group.gr_gid and {*group.gr_mem} <= {owner.pw_name}
