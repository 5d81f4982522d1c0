"""A small Django project that enqueues in its transactions. Run as a program with the database's URL: it does what a
shop does and prints what came of it, for test_django.py."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from asgiref.sync import sync_to_async
from django import setup
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from psycopg.conninfo import conninfo_to_dict

from holdfast import Holdfast
from holdfast.errors import ConfigError, MisuseError


def database(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:///")}
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "HOST": parts.get("host", ""),
        "PORT": parts.get("port", ""), "USER": parts.get("user", ""), "PASSWORD": parts.get("password", ""),
    }  # fmt: skip


URL = sys.argv[1]
settings.configure(
    DATABASES={
        "default": {**database(URL), "ATOMIC_REQUESTS": True},
        "other": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
    },
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="none",
    LOGGING_CONFIG=None,
    USE_TZ=True,
)
setup()

from django.db import connection, connections, models, transaction  # noqa: E402
from django.test import Client  # noqa: E402

app = Holdfast(URL)


class Order(models.Model):
    id: Any = models.AutoField(primary_key=True)
    email: Any = models.TextField()

    class Meta:
        app_label = "shop"


@app.task
def thank(email: str) -> str:
    return email


def order(request: HttpRequest) -> HttpResponse:
    """A view, which is one transaction (ATOMIC_REQUESTS)."""
    email = request.GET["email"]
    Order.objects.create(email=email)
    job = thank.using(connection=connection).enqueue(email)
    if "fail" in request.GET:
        raise RuntimeError("the view fails")
    return HttpResponse(job.id)


urlpatterns = [path("order", order)]


class Undo(Exception):
    """Leaves an atomic block."""


def place(email: str, fails: bool = False) -> str:
    with transaction.atomic():
        Order.objects.create(email=email)
        job = thank.using(connection=connection).enqueue(email)
        if fails:
            raise Undo
    return job.id


def stored() -> dict[str, list[str]]:
    """The orders and the jobs that are there, by address; they should be the same."""
    found = {
        "orders": sorted(Order.objects.values_list("email", flat=True)),
        "jobs": sorted(record.args["email"] for record in app.jobs.list()),
    }
    for record in app.jobs.list():
        app.jobs.delete(record.id)
    Order.objects.all().delete()
    return found


def undone(call: Any, *args: Any) -> None:
    try:
        call(*args)
    except Undo:
        return
    raise AssertionError("it swallowed the error")


def savepoints() -> None:
    with transaction.atomic():
        place("outer")
        undone(place, "inner, undone", True)
        place("inner")


def seen_within() -> list[int]:
    """How many jobs the transaction sees, and others: before its commit, and after."""
    with transaction.atomic():
        place("a")
        bound = app.bind(connection)
        within = [len(bound.jobs.list()), len(app.jobs.list())]
    return [*within, len(bound.jobs.list()), len(app.jobs.list())]


def managed() -> list[str | None]:
    """What a job's state is when its cancellation is undone, and when it is kept."""
    id = place("managed")
    states: list[str | None] = []

    def cancel(fails: bool) -> None:
        with transaction.atomic():
            states.append(app.bind(connection).jobs.cancel(id).state)
            if fails:
                raise Undo

    undone(cancel, True)
    states.append(thank_state(id))
    cancel(False)
    states.append(thank_state(id))
    stored()
    return states


def thank_state(id: str) -> str | None:
    record = app.jobs.get(id)
    return None if record is None else record.state


def broken() -> str:
    with transaction.atomic():
        try:
            with transaction.atomic(savepoint=False):
                connection.cursor().execute("select nonsense")
        except Exception:
            try:
                thank.using(connection=connection).enqueue("a")
            except MisuseError as error:
                transaction.set_rollback(True)
                return str(error)
    return "it was taken"


def elsewhere() -> str:
    try:
        thank.using(connection=connections["other"]).enqueue("a")
    except ConfigError as error:
        return str(error)
    return "it was taken"


def woken() -> str:
    """A worker that polls once a minute runs the job: `on_commit` told of it."""
    with app.worker(poll_interval=60, leader=False):
        with transaction.atomic():
            job = thank.using(connection=connection).enqueue("prompt")
        value = job.result(20)
    stored()
    return value


def main() -> None:
    app.migrate()
    with connection.schema_editor() as editor:
        editor.create_model(Order)
    said: dict[str, Any] = {}
    place("kept")
    undone(place, "undone", True)
    said["atomic"] = stored()
    savepoints()
    said["savepoints"] = stored()
    said["seen"] = seen_within()
    stored()
    said["managed"] = managed()
    client = Client(raise_request_exception=False)
    statuses = [client.get(f"/order?email={query}").status_code for query in ("good", "bad&fail=1")]
    said["view"] = [statuses, stored()]
    asyncio.run(sync_to_async(place)("async"))
    said["async"] = stored()
    thank.using(connection=connection).enqueue("at once")
    said["autocommit"] = stored()
    said["broken"] = broken()
    said["elsewhere"] = elsewhere()
    said["woken"] = woken()
    app.close()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
