"""Packages whose parts are loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attributes(package: str, where: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package (https://peps.python.org/pep-0562/).

    ``where`` leads from a module of the package to the names it is asked for, with spaces between. A package that is loaded
    whole costs every process all that it loads, ``portl --help`` as much as a run.
    """
    modules = {name: module for module, names in where.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    return load
