"""Settings: which of argument, environment, file and default wins, and who is blamed."""

from pathlib import Path
from typing import Any

import pytest

from holdfast.config import DEFAULT_URL, Settings
from holdfast.errors import ConfigError


@pytest.fixture
def load(tmp_path: Path) -> Any:
    def load(environ: dict[str, str] | None = None, file: str | None = None, **arguments: Any) -> Settings:
        folder = tmp_path / "project" / "inner"
        folder.mkdir(parents=True)
        (tmp_path / "project" / "pyproject.toml").write_text(file or "")
        return Settings.load(environ or {}, folder, **arguments)

    return load


def test_the_defaults(load: Any) -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.url, settings.schema, settings.migrate, settings.log_level) == (
        DEFAULT_URL,
        "holdfast",
        None,
        None,
    )
    assert (settings.queues, settings.concurrency, settings.poll_interval) == (None, 10, 1.0)
    assert (settings.lease, settings.name) == (30.0, None)


FILE = '[tool.holdfast]\nschema = "from_file"\nlease = "20s"\nconcurrency = 3\nqueues = ["a", "b"]\nmigrate = true\n'


def test_an_argument_beats_the_environment_beats_the_file_beats_the_default(load: Any) -> None:
    environ = {"HOLDFAST_SCHEMA": "from_environment", "HOLDFAST_CONCURRENCY": "4", "HOLDFAST_NAME": ""}
    settings = load(environ, FILE, schema="from_argument", name=None)
    assert settings.schema == "from_argument"
    assert settings.concurrency == 4
    assert settings.lease == 20
    assert settings.migrate is True
    assert settings.queues == {"a": None, "b": None}
    assert settings.poll_interval == 1
    assert settings.name is None


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("URL", "sqlite:///x.db", "sqlite:///x.db"), ("MIGRATE", "off", False), ("MIGRATE", "True", True),
        ("LOG_LEVEL", "DEBUG", "debug"), ("QUEUES", "mail, reports=2,", {"mail": None, "reports": 2}),
        ("CONCURRENCY", " 7 ", 7), ("POLL_INTERVAL", "250ms", 0.25), ("LEASE", "5", 5.0), ("NAME", "Ann's", "Ann's"),
    ],
)  # fmt: skip
def test_variables(load: Any, variable: str, text: str, value: object) -> None:
    assert getattr(load({f"HOLDFAST_{variable}": text}), variable.lower()) == value


def test_queues_as_arguments(load: Any) -> None:
    assert load(queues={"mail": 2, "reports": None}).queues == {"mail": 2, "reports": None}


def test_no_queues_at_all_is_not_all_queues(tmp_path: Path) -> None:
    assert Settings.load({}, tmp_path, queues=[]).queues == {}


def test_a_url_may_be_a_function(load: Any) -> None:
    assert load(url=lambda: "sqlite:///made.db").url == "sqlite:///made.db"


BAD = [
    ("url", "mysql://x"), ("url", 7), ("schema", 'a"b'), ("schema", "a'b"), ("schema", "pg_x"), ("schema", "a" * 64),
    ("schema", "1a"), ("schema", "é"), ("schema", "a%b"), ("schema", "a:b"), ("schema", "a$b"), ("schema", "a "),
    ("schema", "a\nb"), ("schema", "information_schema"),
    ("migrate", "maybe"), ("log_level", "loud"), ("queues", ["a", ""]),
    ("queues", {"a": 0}), ("queues", "a=x"), ("queues", 7), ("concurrency", 0), ("concurrency", 10_001),
    ("concurrency", True), ("concurrency", "1.5"), ("poll_interval", 0), ("poll_interval", "soon"), ("lease", 0.5),
    ("lease", "-5s"), ("name", "a\nb"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_argument_is_blamed(load: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"^argument {name}: "):
        load(**{name: value})


@pytest.mark.parametrize(("name", "value"), [each for each in BAD if isinstance(each[1], str)])
def test_a_bad_variable_is_blamed(load: Any, name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"^environment variable HOLDFAST_{name.upper()}: "):
        load({f"HOLDFAST_{name.upper()}": value})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("[tool.holdfast]\nlease = 0.1\n", r"pyproject.toml, \[tool.holdfast\] lease: expected at least 1 s"),
        ("[tool.holdfast]\nleese = 1\n", r"pyproject.toml: \[tool.holdfast\] has no setting 'leese'; there are url, "),
        ("[tool]\nholdfast = 1\n", r"\[tool.holdfast\] must be a table"),
        ("tool = 1\n", "cannot be read"),
        ("[tool.holdfast", "pyproject.toml cannot be read"),
    ],
)
def test_a_bad_file_is_blamed(load: Any, file: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(None, file)


def test_the_nearest_file_counts_and_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.holdfast]\nschema = "outer"\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    assert Settings.load({}, inner).schema == "outer"
    file = inner / "pyproject.toml"
    file.write_text('[tool.holdfast]\nschema = "late"\n')
    assert Settings.load({}, inner).schema == "outer"
    deeper = inner / "deeper"
    deeper.mkdir()
    assert Settings.load({}, deeper).schema == "late"


def test_the_environment_and_working_directory_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.holdfast]\nname = "from the file"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOLDFAST_SCHEMA", "from_environment")
    settings = Settings.load()
    assert (settings.schema, settings.name) == ("from_environment", "from the file")


def test_settings_do_not_show_a_password(load: Any) -> None:
    settings = load(url="postgresql://ann:s3cret@db/app")
    assert "s3cret" not in repr(settings)
    with pytest.raises(ConfigError) as raised:
        Settings.load({"HOLDFAST_URL": "mysql://ann:s3cret@db/app"})
    assert "s3cret" not in str(raised.value)
