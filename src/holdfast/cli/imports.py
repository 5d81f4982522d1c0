"""`module:attribute` from the working directory: the app that a command shall serve."""

import importlib
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType

from holdfast.app import Holdfast
from holdfast.errors import HoldfastError, ImportFailed
from holdfast.model.text import shown

DEFAULT_ATTRIBUTE = "app"


def load_app(name: str) -> Holdfast:
    """Import the app named `module:attribute`, or `module` alone for its `app`.

    Raises ImportFailed, which says what was looked for and where.
    """
    module_name, _, attribute = name.partition(":")
    attribute = attribute or DEFAULT_ATTRIBUTE
    _refuse_path(name, module_name, attribute)
    if sys.path[:1] != [os.getcwd()]:
        sys.path.insert(0, os.getcwd())
    module = _import(module_name)
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Holdfast):
        return found
    raise ImportFailed(_wrong(module, attribute, found))


def _refuse_path(name: str, module: str, attribute: str) -> None:
    if (
        module
        and all(part.isidentifier() for part in (*module.split("."), *attribute.split(".")))
        and module[-3:] != ".py"
    ):
        return
    remedy = "write it as module:app, as in shop.jobs:app"
    if module.endswith(".py"):
        dotted = ".".join(Path(module[:-3]).parts).strip(".")
        remedy = f"write the module, not the file: {dotted}:{attribute}"
    raise ImportFailed(f"{shown(name)} names no module: {remedy}")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ImportFailed(_absent(name, error.name)) from error
        raise ImportFailed(f"importing {name} failed: {_told(error)}") from error
    except (Exception, SystemExit) as error:
        raise ImportFailed(f"importing {name} failed: {_told(error)}") from error


def _absent(name: str, missing: str) -> str:
    path = name.replace(".", "/")
    part = "" if missing == name else f" (no {missing})"
    return (
        f"there is no module {name}{part}: looked for {path}.py and {path}/__init__.py in {os.getcwd()}, "
        f"and among the packages of {sys.prefix}. Run from the folder that holds {name.partition('.')[0]}"
    )


def _told(error: BaseException) -> str:
    """The error, and the last line of the user's code that led to it: one below the working directory."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(os.path.join(os.getcwd(), ""))]
    place = f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
    told = str(error) if isinstance(error, HoldfastError) else f"{type(error).__name__}: {error}"
    return told + place


def _wrong(module: ModuleType, attribute: str, found: object) -> str:
    place = f"module {module.__name__} ({getattr(module, '__file__', None) or 'built in'})"
    others = [name for name, value in vars(module).items() if isinstance(value, Holdfast) and not name.startswith("_")]
    remedy = f"; try {module.__name__}:{others[0]}" if others else f'; expected {attribute} = Holdfast("…") there'
    if found is None:
        return f"{place} has no {attribute}{remedy}"
    kind = found.__name__ if isinstance(found, type) else type(found).__name__
    return f"{attribute} of {place} is {'the class' if isinstance(found, type) else 'a'} {kind}, not a Holdfast{remedy}"
