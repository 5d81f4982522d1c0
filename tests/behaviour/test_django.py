"""A Django project, run as a program: what its transactions keep is what they enqueued, on both databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SHOP = Path(__file__).with_name("django_shop.py")


@pytest.fixture(scope="module")
def shop_url(request: pytest.FixtureRequest, cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('shop')}/shop.db"
    else:
        url = cluster.create_database()
        yield url
        cluster.drop_database(url)


@pytest.fixture(scope="module")
def said(shop_url: str) -> Any:
    run = subprocess.run(
        [sys.executable, str(SHOP), shop_url], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


pytestmark = pytest.mark.parametrize("shop_url", ["sqlite", "postgres"], indirect=True)


def both(*emails: str) -> dict[str, list[str]]:
    return {"orders": sorted(emails), "jobs": sorted(emails)}


def test_atomic(said: Any) -> None:
    assert said["atomic"] == both("kept")
    assert said["savepoints"] == both("outer", "inner")
    assert said["seen"] == [1, 0, 1, 1]


def test_managing(said: Any) -> None:
    assert said["managed"] == ["cancelled", "ready", "cancelled", "cancelled"]


def test_a_view_is_one_transaction(said: Any) -> None:
    assert said["view"] == [[200, 500], both("good")]


def test_async_code_goes_by_sync_to_async(said: Any) -> None:
    assert said["async"] == both("async")


def test_outside_of_atomic_it_is_stored_at_once(said: Any) -> None:
    assert said["autocommit"] == {"orders": [], "jobs": ["at once"]}


def test_what_is_refused(said: Any) -> None:
    assert "atomic" in said["broken"]
    assert "database" in said["elsewhere"]


def test_on_commit_wakes_workers(said: Any) -> None:
    assert said["woken"] == "prompt"
