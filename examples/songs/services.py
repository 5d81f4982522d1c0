"""Remote services that are not there: they answer on loopback, refuse who comes too often, and note every call."""

import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

APART = 0.05
"""Seconds between two calls of one service; sooner ones are refused, as the real ones do."""

TITLES = ("Granite", "Kelp", "Low Water", "Spring Tide", "Anchor", "Driftwood")


class Services(BaseHTTPRequestHandler):
    """`/musicbrainz?fingerprint=…`, and by id `/spotify`, `/lastfm`, `/audiodb`, `/cover`."""

    log: ClassVar[Path]
    lock = threading.Lock()
    last: ClassVar[dict[str, float]] = {}

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        service = url.path.strip("/")
        given = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.lock:
            now = time.monotonic()
            early = now - self.last.get(service, 0.0) < APART
            if not early:
                self.last[service] = now
            with self.log.open("a") as log:
                log.write(json.dumps({"service": service, "refused": early, **given}) + "\n")
        self.answer(429, {"error": "too many requests"}) if early else self.answer(200, known(service, given))

    def answer(self, status: int, what: object) -> None:
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the calls are in the file."""


def known(service: str, given: dict[str, str]) -> dict[str, object]:
    """What a service knows: always the same for the same question."""
    digest = hashlib.sha256(next(iter(given.values()), "").encode()).hexdigest()
    if service == "musicbrainz":
        return {"id": digest[:12]}
    title = TITLES[int(given["id"], 16) % len(TITLES)]
    answers: dict[str, dict[str, object]] = {
        "spotify": {"title": title, "popularity": int(digest[:2], 16) % 100},
        "lastfm": {"artist": f"Artist {digest[:3]}", "listeners": int(digest[:4], 16)},
        "audiodb": {"year": 1960 + int(digest[:2], 16) % 60},
        "cover": {"pixels": [int(digest[n : n + 2], 16) for n in range(0, 48, 2)]},
    }
    return answers[service]


if __name__ == "__main__":
    Services.log = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    print(server.server_address[1], flush=True)
    server.serve_forever()
