"""The tests of this folder know one database."""

from __future__ import annotations

import pytest


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url
