"""A way to PostgreSQL, on loopback, that can be cut off or stand still, knowing what passes.

It follows the protocol far enough to see commits: the answer to a COMMIT, or to a statement that writes in a
transaction of its own. Such an answer can be dropped with the connection, after the server has given it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

WRITES = re.compile(r"\b(insert|update|delete)\b", re.IGNORECASE)
Way = Literal["request", "reply"]
"""What is lost of a commit: the request, which the server then never sees, or its reply."""


class Proxy:
    """`url` leads through it to the database of the URL that it was made with."""

    def __init__(self, url: str) -> None:
        self._target = conninfo_to_dict(url)
        self._door = socket.create_server(("127.0.0.1", 0))
        port = self._door.getsockname()[1]
        self.url = "postgresql://?" + "&".join(
            f"{key}={value}"
            for key, value in {
                "host": "127.0.0.1", "port": port, "user": self._target["user"], "dbname": self._target["dbname"],
                "sslmode": "disable", "gssencmode": "disable",
            }.items()
        )  # fmt: skip
        assert make_conninfo(self.url)
        self.mutex = threading.Lock()
        self.cuts = 0
        """Commits cut off since it was armed."""
        self._left = 0
        self._way: Way = "reply"
        self.moving = threading.Event()
        self.moving.set()
        self._closing = False
        self._wires: list[Wire] = []
        threading.Thread(target=self._welcome, name="proxy", daemon=True).start()

    def arm(self, times: int = 1, way: Way = "reply") -> None:
        """Cut the next commits off, so many of them."""
        with self.mutex:
            self.cuts, self._left, self._way = 0, times, way

    def disarm(self) -> int:
        """Cut nothing more; answers how many commits were."""
        with self.mutex:
            self._left = 0
            return self.cuts

    def takes(self, way: Way) -> bool:
        """Whether this commit is to lose that."""
        with self.mutex:
            mine = self._left > 0 and self._way == way
            self._left -= mine
            self.cuts += mine
            return mine

    def freeze(self) -> None:
        """Accept everything and answer nothing from now on."""
        self.moving.clear()

    def thaw(self) -> None:
        self.moving.set()

    def close(self) -> None:
        self._closing = True
        self.moving.set()
        self._door.close()
        for wire in self._wires:
            wire.cut()

    def _welcome(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._wires.append(Wire(self, client, self._connect))

    def _connect(self) -> socket.socket:
        host, port = str(self._target["host"]), int(self._target.get("port") or 5432)
        if host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{host}/.s.PGSQL.{port}")
            return server
        return socket.create_connection((host, port))


class Wire:
    """One connection through the proxy, and what is known of its state."""

    def __init__(self, proxy: Proxy, client: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._connect = connect
        self._statements: dict[bytes, str] = {}
        self._asked = ""
        self._state = b"I"
        threading.Thread(target=self._carry, name="proxy-out", daemon=True).start()

    def cut(self) -> None:
        """For good, and at once."""
        for end in (self._client, self._server):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _carry(self) -> None:
        """From the client to the server."""
        self._proxy.moving.wait()
        with contextlib.suppress(OSError):
            self._server = self._connect()
            threading.Thread(target=self._carry_back, name="proxy-back", daemon=True).start()
            first = self._exactly(self._client, 4)
            self._server.sendall(first + self._exactly(self._client, struct.unpack("!I", first)[0] - 4))
            while True:
                kind, message = self._message(self._client)
                self._proxy.moving.wait()
                self._note(kind, message[5:])
                if kind in b"SQ" and self._commits() and self._proxy.takes("request"):
                    break
                self._server.sendall(message)
        self.cut()

    def _carry_back(self) -> None:
        """From the server to the client; an answer is passed on once it is whole."""
        assert self._server is not None
        answer = b""
        with contextlib.suppress(OSError):
            while True:
                kind, message = self._message(self._server)
                answer += message
                if kind not in b"ZRN" and len(answer) < 65536:
                    continue
                self._proxy.moving.wait()
                if kind == b"Z":
                    committed = self._commits() and message[5:6] == b"I"
                    self._state, self._asked = message[5:6], ""
                    if committed and self._proxy.takes("reply"):
                        break
                self._client.sendall(answer)
                answer = b""
        self.cut()

    def _note(self, kind: bytes, body: bytes) -> None:
        """Remember what is asked: a command, or a statement by its name."""
        match kind:
            case b"Q":
                self._asked = body[:-1].decode()
            case b"P":
                name, text, _ = body.split(b"\0", 2)
                self._statements[name] = text.decode()
            case b"B":
                _, name, _ = body.split(b"\0", 2)
                self._asked = self._statements.get(name, "")
            case _:
                pass

    def _commits(self) -> bool:
        """Whether what was asked last ends in a commit: a COMMIT, or a write outside a transaction."""
        asked = self._asked
        return asked.lower() == "commit" or (self._state == b"I" and WRITES.search(asked) is not None)

    def _message(self, end: socket.socket) -> tuple[bytes, bytes]:
        head = self._exactly(end, 5)
        return head[:1], head + self._exactly(end, struct.unpack("!I", head[1:])[0] - 4)

    def _exactly(self, end: socket.socket, number: int) -> bytes:
        parts: list[bytes] = []
        while number:
            part = end.recv(number)
            if not part:
                raise OSError("the other side has gone")
            parts.append(part)
            number -= len(part)
        return b"".join(parts)
