"""Putting off the code of a package's `__init__` until a name of the package is used."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

_running = RLock()
_BEGUN = "__begun__"
"""Name of the attribute that marks a package whose `__init__` is running."""


class _DeferredPackage(ModuleType):
    """A package whose `__init__` has not run: using a name of the package runs it, importing a submodule does not."""

    def __getattr__(self, name: str) -> Any:
        # Other threads wait for the lock until `__init__` has ended. The thread that runs it may take the lock again,
        # since `__init__` itself uses names of the package.
        with _running:
            if type(self) is _DeferredPackage and not vars(self).get(_BEGUN):
                vars(self)[_BEGUN] = True
                assert self.__spec__ is not None
                assert self.__spec__.loader is not None
                try:
                    self.__spec__.loader.exec_module(self)
                finally:
                    del vars(self)[_BEGUN]
                object.__setattr__(self, "__class__", ModuleType)
        return ModuleType.__getattribute__(self, name)


def defer_package(name: str) -> bool:
    """Put off running the `__init__` of a top-level package; its submodules can be imported nevertheless.

    Import the submodules from one thread, as the package that needs them does. While one thread runs `__init__`,
    another thread that imports a submodule and uses a name of the package would wait for the first.

    `importlib.util.LazyLoader` does not help: importing a submodule reads the package's `__path__`, and that would make
    it run `__init__`.

    Returns False and does nothing if the package is imported already, does not exist, or is not a package with files.
    """
    if name in sys.modules:
        return False
    spec = find_spec(name)
    if spec is None or spec.loader is None or not spec.submodule_search_locations or not spec.has_location:
        return False
    module = module_from_spec(spec)
    object.__setattr__(module, "__class__", _DeferredPackage)
    sys.modules[name] = module
    return True
