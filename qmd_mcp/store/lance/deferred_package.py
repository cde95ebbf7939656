"""A package whose own code is not run before something of it is used."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_running = RLock()
_BEGUN = "__begun__"


class _Unread(ModuleType):
    """Has a place and submodules; the first name that is asked of it makes it what it is."""

    def __getattr__(self, name: str) -> Any:
        with _running:  # other threads wait here until everything is there; the package's own code comes through
            if type(self) is _Unread and not vars(self).get(_BEGUN):
                vars(self)[_BEGUN] = True
                assert self.__spec__ is not None
                assert self.__spec__.loader is not None
                try:
                    self.__spec__.loader.exec_module(self)
                finally:
                    del vars(self)[_BEGUN]
                object.__setattr__(self, "__class__", ModuleType)
        return ModuleType.__getattribute__(self, name)


def leave_unread(name: str) -> bool:
    """Put off running a top-level package's `__init__`; its submodules can be imported all the same.

    Its submodules are to be imported from one thread, as those are that come with whatever needs them: while one
    thread runs the package's own code, another inside such an import that asks the package for a name would wait.

    `importlib.util.LazyLoader` would run it for the first submodule, since that asks for the package's path. False,
    and nothing done, where the package is imported already, is absent or is no package with files.
    """
    if name in sys.modules:
        return False
    spec = find_spec(name)
    if spec is None or spec.loader is None or not spec.submodule_search_locations or not spec.has_location:
        return False
    module = module_from_spec(spec)
    object.__setattr__(module, "__class__", _Unread)
    sys.modules[name] = module
    return True
