"""`module:attribute`, and what is said when there is no app by that name."""

from pathlib import Path

import pytest

from holdfast import Holdfast
from holdfast.cli.imports import load_app
from holdfast.errors import ImportFailed


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "work.py").write_text(
        "from holdfast import Holdfast\nclass Box:\n    app = Holdfast('sqlite:///box.db')\napp = Holdfast('sqlite:///x.db')\n"
        "number = 7\n"
    )
    (folder / "other.py").write_text("from holdfast import Holdfast\nqueue = Holdfast('sqlite:///y.db')\n")
    (folder / "none.py").write_text("")
    return folder


def test_the_app_of_a_module(module: Path) -> None:
    app = load_app("pack.work:app")
    assert isinstance(app, Holdfast)
    assert load_app("pack.work") is app
    assert load_app("pack.work:Box.app") is not app


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nosuch", "there is no module nosuch: looked for nosuch.py and nosuch/__init__.py in "),
        ("pack.nosuch:app", "there is no module pack.nosuch: looked for pack/nosuch.py"),
        ("nosuch.work", "there is no module nosuch.work (no nosuch)"),
        ("pack.other", "has no app; try pack.other:queue"),
        ("pack.none", 'has no app; expected app = Holdfast("…") there'),
        ("pack.work:number", "number of module pack.work"),
        ("pack.work:number", "is a int, not a Holdfast; try pack.work:app"),
        ("pack.work:Box", "is the class Box, not a Holdfast"),
        ("pack/work.py", "'pack/work.py' names no module: write the module, not the file: pack.work:app"),
        ("./pack/work.py:app", "pack.work:app"),
        ("pack/work", "write it as module:app"),
        ("", "write it as module:app"),
        (":app", "write it as module:app"),
        ("..pack", "write it as module:app"),
    ],
)
def test_what_names_no_app(module: Path, name: str, text: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        load_app(name)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import nosuch.dependency", "importing broken failed: ModuleNotFoundError: No module named 'nosuch' ("),
        ("x = 1\nint('a')\n", "ValueError: invalid literal for int() with base 10: 'a' ("),
        ("import json\njson.loads('{')", "broken.py:2)"),
        ("def (", "SyntaxError: invalid syntax ("),
        ("import sys\nsys.exit(3)", "SystemExit: 3 ("),
        ("from holdfast import Holdfast\napp = Holdfast('mysql://x')", "a database URL is one of"),
    ],
)
def test_modules_that_cannot_be_imported(tmp_path: Path, source: str, text: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    with pytest.raises(ImportFailed) as caught:
        load_app("broken:app")
    assert text in str(caught.value)
    assert f"{tmp_path}/broken.py:" in str(caught.value)
