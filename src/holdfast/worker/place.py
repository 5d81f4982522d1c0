"""Where a function is, and how a process finds it there: its module and name, for scripts the file."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from holdfast.errors import ImportFailed
from holdfast.worker.wire import Frame

MAIN = "__holdfast_main__"
"""What a script is called in a process, so that its `if __name__ == "__main__"` part does not run."""

loading_script = threading.Event()
"""Set while a script is imported: what would start workers at the top of one would do so without end."""


def place_of_function(function: Callable[..., Any]) -> Frame:
    """The place, as a frame holds it; a name of None where there is none."""
    module = getattr(function, "__module__", None)
    place: Frame = {"module": module, "name": getattr(function, "__qualname__", None)}
    if module == "__main__":
        main_module = sys.modules["__main__"]
        file = getattr(main_module, "__file__", None)
        place["file"] = None if file is None else str(Path(file).absolute())
        place["package"] = getattr(main_module, "__package__", None) or ""
    return place


def module_of(place: Frame, what: str) -> ModuleType:
    """The module, imported. Raises ImportFailed, and whatever the import raises."""
    return _load_main(place, what) if place["module"] == "__main__" else importlib.import_module(place["module"])


def import_place(place: Frame, what: str) -> Any:
    """What stands there. Raises ImportFailed, and whatever the import raises."""
    found = attribute(module_of(place, what), place["name"])
    if found is None:
        raise ImportFailed(f"module {place['module']} has no {place['name']}, {what}")
    return found


def attribute(module: object, qualname: str) -> Any:
    """What has this dotted name in a module, None where nothing has."""
    found: Any = module
    for part in qualname.split("."):
        found = getattr(found, part, None)
    return found


def _load_main(place: Frame, what: str) -> ModuleType:
    if place["file"] is None or not Path(place["file"]).is_file():
        raise ImportFailed(
            f"{what} is defined in __main__, which has no file that a process could import; move it to a module"
        )
    package = place["package"]
    name = f"{package}.{MAIN}" if package else MAIN  # relative imports go by the name
    if name in sys.modules:
        return sys.modules[name]
    if package:
        importlib.import_module(package)
    spec = importlib.util.spec_from_file_location(name, place["file"])
    if spec is None or spec.loader is None:
        raise ImportFailed(f"{place['file']}, where {what} is defined, cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = sys.modules["__main__"] = module
    loading_script.set()
    try:
        spec.loader.exec_module(module)
    finally:
        loading_script.clear()
    return module
