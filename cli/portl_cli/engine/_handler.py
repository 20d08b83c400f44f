"""Loads a function's handler out of its folder, so that many ``app.py`` live in one process."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from portl_cli.engine._host import Failed

if TYPE_CHECKING:
    from types import ModuleType

    from portl_cli.engine.template import Function

Handler = Callable[[Any, Any], Any]


def load_handler(function: Function) -> Handler | Failed:
    """The function named by ``module.name``, or the error that Lambda's runtime gives when it cannot be had."""
    module_name, _, name = function.handler.rpartition(".")
    path = function.code_dir.joinpath(*module_name.split("/")).with_suffix(".py")
    if not path.is_file():
        return _no_module(module_name, f"No module named '{module_name}'")
    try:
        module = _execute(function, path)
    except ImportError as problem:
        return _no_module(module_name, str(problem))
    except SyntaxError as problem:
        return Failed("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {problem}")
    except Exception as problem:  # noqa: BLE001 - what a module raises while it loads is the function's answer
        return Failed(type(problem).__name__, str(problem))
    handler = getattr(module, name, None)
    if not callable(handler):
        return Failed("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    return handler  # type: ignore[no-any-return]


def _no_module(module_name: str, why: str) -> Failed:
    return Failed("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {why}")


def _execute(function: Function, path: Path) -> ModuleType:
    for layer in function.layers:
        _make_importable(layer)
    unique = f"portl_function_{function.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"No module named '{path.stem}'")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        with _folder_first(function.code_dir):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[unique]
        raise
    return module


def _make_importable(layer: Path) -> None:
    folder = layer / "python" if (layer / "python").is_dir() else layer
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@contextmanager
def _folder_first(folder: Path) -> Iterator[None]:
    """The folder leads the path while a function loads; its modules are forgotten, so that the next function finds its own."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder) and not name.startswith("portl_function_"):
                del sys.modules[name]
