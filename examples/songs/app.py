"""Songs: a recording comes in, is recognised, described by remote services, approved by a person, and stored.

    upload ─▶ process_song ─▶ fingerprint ─▶ music_brainz ─▶ spotify, last_fm, audio_db
           ─▶ cover ─▶ palette ─▶ approval ─▶ stored ─▶ notified

Every arrow is recorded: whatever is killed, the job goes on from there, and no service is asked twice for what it said.
"""

import asyncio
import json
import os
import sqlite3
import urllib.request
import wave
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from holdfast import Holdfast, Limit, Retry, gather, step, wait_for

FOLDER = Path(os.environ.get("SONGS", "songs"))
app = Holdfast(os.environ.get("HOLDFAST_URL") or f"sqlite:///{FOLDER / 'songs.db'}")

POLITE = Retry(attempts=5, backoff="constant", base="200ms")
"""For calls of services, which are refused now and then."""


@dataclass
class Upload:
    path: str


@dataclass
class Approval:
    song: str
    ok: bool


@dataclass
class Song:
    id: str
    title: str
    artist: str
    year: int
    palette: list[int]


uploaded = app.pipe("song.uploaded", Upload)
approved = app.pipe("song.approved", Approval)


@app.task(triggers=[uploaded.into(lambda upload: {"path": upload.path})], retry=3)
async def process_song(path: str) -> Song | None:
    fingerprint = await step("fingerprint", fingerprint_of, path)
    id = await music_brainz.invoke(fingerprint)
    spotify_says, last_fm_says, audio_db_says = await gather(
        spotify.invoke(id), last_fm.invoke(id), audio_db.invoke(id)
    )
    cover = await step("download cover", download_cover, id)
    palette = await extract_palette.invoke(cover)
    approval = await wait_for(approved, where={"song": id}, timeout="3d")
    if not approval.ok:
        return None
    song = Song(id, spotify_says["title"], last_fm_says["artist"], audio_db_says["year"], palette)
    await step("store song", store_song, song)
    await step("notify", notify, song)
    return song


@app.task(limit=Limit(throttle="15/s"), retry=POLITE, cache="1d")
async def music_brainz(fingerprint: str) -> str:
    return str((await ask("musicbrainz", fingerprint=fingerprint))["id"])


@app.task(limit=Limit(throttle="15/s"), retry=POLITE, cache="1d")
async def spotify(id: str) -> dict[str, Any]:
    return await ask("spotify", id=id)


@app.task(limit=Limit(throttle="15/s"), retry=POLITE, cache="1d")
async def last_fm(id: str) -> dict[str, Any]:
    return await ask("lastfm", id=id)


@app.task(limit=Limit(throttle="15/s"), retry=POLITE, cache="1d")
async def audio_db(id: str) -> dict[str, Any]:
    return await ask("audiodb", id=id)


@app.task(limit=Limit(concurrency=2))
def extract_palette(cover: str) -> list[int]:
    """The three commonest shades of a cover: in earnest this would take a processor for a while."""
    pixels: list[int] = json.loads(Path(cover).read_text())["pixels"]
    return [shade * 32 for shade, _ in Counter(pixel // 32 for pixel in pixels).most_common(3)]


def fingerprint_of(path: str) -> str:
    """What fpcalc would say: here the loudness of eight parts of the recording."""
    with wave.open(path, "rb") as sound:
        frames = sound.readframes(sound.getnframes())
    size = len(frames) // 8
    return "".join(f"{sum(frames[part * size : (part + 1) * size]) % 65536:04x}" for part in range(8))


async def download_cover(id: str) -> str:
    found = await ask("cover", id=id)
    path = FOLDER / f"{id}.cover"
    path.write_text(json.dumps(found))
    return str(path)


def store_song(song: Song) -> None:
    """The same song twice is one row: a step whose process is killed before it is recorded runs again."""
    with sqlite3.connect(FOLDER / "library.db", timeout=20) as library:
        library.execute("create table if not exists songs (id text primary key, title text, artist text, year int)")
        library.execute(
            "insert or ignore into songs values (?, ?, ?, ?)", (song.id, song.title, song.artist, song.year)
        )
    library.close()


def notify(song: Song) -> None:
    with (FOLDER / "notifications.txt").open("a") as told:
        told.write(f"{song.title} by {song.artist} is in the library\n")


async def ask(service: str, **question: str) -> dict[str, Any]:
    """A call of a remote service."""
    port = (FOLDER / "port").read_text().strip()
    query = "&".join(f"{name}={quote(value)}" for name, value in question.items())
    return await asyncio.to_thread(_get, f"http://127.0.0.1:{port}/{service}?{query}")


def _get(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
