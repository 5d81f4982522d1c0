"""ARCHITECTURE.md says what is true: its files exist, its sizes are right, and the code keeps to its limits."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
SOURCES = ROOT / "src" / "holdfast"

JOURNEY = re.findall(r"^\| .* \| `(src/holdfast/[\w/]+\.py)` \| (\d+) \|$", PAGE, re.MULTILINE)
MOST_MODULES, MOST_LINES = 9, 1600
OFF_BY = 25
"""Lines by which a size on the page may be off."""


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_the_journey_of_a_job_is_as_long_as_the_page_says() -> None:
    assert 0 < len(JOURNEY) <= MOST_MODULES
    real = {name: lines(ROOT / name) for name, _ in JOURNEY}
    assert sum(real.values()) <= MOST_LINES, real
    wrong = {name: real[name] for name, said in JOURNEY if abs(real[name] - int(said)) > OFF_BY}
    assert not wrong, f"ARCHITECTURE.md gives other sizes: {wrong}"


def test_the_journey_takes_three_statements() -> None:
    statements = re.findall(r"\*\*`(\w+\.sql)`\*\*", PAGE)
    assert statements == ["enqueue.sql", "claim.sql", "finish.sql"]
    for database in ("sqlite", "postgres"):
        assert all((SOURCES / "storage" / database / "sql" / name).is_file() for name in statements)


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"`([a-z_/]+(?:\.py|\.toml|/))`", PAGE):
        places = [ROOT / name, SOURCES / name, SOURCES / "storage" / name, SOURCES / "model" / name]
        places += [SOURCES / "storage" / "sqlite" / name]
        assert any(place.exists() for place in places), f"ARCHITECTURE.md names {name}"


def test_the_import_rule_on_the_page_is_the_one_that_is_checked() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    checked = [re.sub(r"[() ]", "", layer) for layer in contracts[0]["layers"]]
    shown = re.search(r"^    (cli → (?:.*\n)+?.*errors)$", PAGE, re.MULTILINE)
    assert shown is not None
    assert re.sub(r"\s", "", shown[1]).split("→") == checked


def test_files_statements_and_names_keep_to_the_limits() -> None:
    long = {str(path.relative_to(ROOT)): lines(path) for path in SOURCES.rglob("*.py") if lines(path) > 400}
    long.pop("src/holdfast/testing/cluster.py", None)  # a server for tests, run as a script too: one file on purpose
    assert not long
    statements = {path: lines(path) for path in SOURCES.rglob("sql/*.sql") if lines(path) > 45}
    assert not statements
    names = {path.stem for path in SOURCES.rglob("*.py")} & {"utils", "helpers", "common", "manager"}
    assert not names


def test_both_databases_have_the_same_statements_and_migrations() -> None:
    def names(database: str, folder: str) -> set[str]:
        return {path.name for path in (SOURCES / "storage" / database / folder).glob("*.sql")}

    assert names("sqlite", "sql") ^ names("postgres", "sql") <= {"notify.sql"}
    assert {name[:4] for name in names("sqlite", "migrations")} == {
        name[:4] for name in names("postgres", "migrations")
    }
