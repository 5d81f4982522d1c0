"""What importing the package costs: nothing until a name is asked for, and no worker until one is made."""

import subprocess
import sys

import pytest

import holdfast


def modules_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_every_name_is_there() -> None:
    assert set(holdfast._HOMES) | {"__version__"} == set(holdfast.__all__)
    for name in holdfast.__all__:
        assert getattr(holdfast, name) is not None
    assert holdfast.errors.HoldfastError
    assert set(holdfast.__all__) <= set(dir(holdfast))


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(AttributeError, match="no 'Holdfats'"):
        _ = holdfast.Holdfats


def test_the_package_alone_imports_nothing() -> None:
    ours = {name for name in modules_after("import holdfast") if name.startswith(("holdfast", "pydantic"))}
    assert ours == {"holdfast"}


@pytest.mark.parametrize(
    "unwanted", ["holdfast.worker.engine", "holdfast.leader.caretaker", "holdfast.doctor", "psycopg", "typer", "rich"]
)
def test_a_program_that_only_enqueues_imports_no_worker(unwanted: str) -> None:
    code = "from holdfast import Holdfast\napp = Holdfast('sqlite:///:memory:')\napp.task(print, name='p')"
    assert unwanted not in modules_after(code)
