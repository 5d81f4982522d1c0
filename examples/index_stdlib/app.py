"""The app: what a job is here, and what its worker does. `holdfast worker app:app` runs one.

Nothing in this file knows about crashes. A job whose worker dies runs again somewhere else.
"""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from holdfast import Holdfast, JobRecord

app = Holdfast()  # the database: $HOLDFAST_URL, or configure(url)

warnings.filterwarnings("ignore", category=SyntaxWarning)  # of the files that are read, not of this one
warnings.filterwarnings("ignore", category=DeprecationWarning)


@dataclass(frozen=True)
class Facts:
    """What one source file holds. `problem`: why Python could not parse it (the standard library has such files)."""

    lines: int
    functions: int = 0
    classes: int = 0
    imports: int = 0
    longest: str = ""
    longest_lines: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Totals:
    """What the report adds up to."""

    files: int
    lines: int
    report: Path


@app.task(queue="files", retry=3, timeout="1m")
def index_file(path: Path) -> Facts:
    """Count what is in one file. Its return value is its whole effect, so running it again does no harm."""
    source = path.read_bytes()
    lines = len(source.splitlines())
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError) as error:
        return Facts(lines, problem=f"{type(error).__name__}: {error}")
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    longest = max(functions, key=length, default=None)
    return Facts(
        lines=lines,
        functions=len(functions),
        classes=sum(isinstance(node, ast.ClassDef) for node in nodes),
        imports=sum(isinstance(node, ast.Import | ast.ImportFrom) for node in nodes),
        longest=longest.name if longest else "",
        longest_lines=length(longest) if longest else 0,
    )


@app.task(queue="reports", retry=3)
def write_report(run: str, root: Path, report: Path) -> Totals:
    """Read the results of all jobs of this run and write them down."""
    found = [(Path(job.args["path"]).relative_to(root), Facts(**job.result)) for job in results(run)]
    found.sort(key=lambda each: each[0])
    report.write_text("\n".join(markdown(found, root)) + "\n", "utf-8")
    return Totals(len(found), sum(facts.lines for _, facts in found), report)


def results(run: str) -> Iterator[JobRecord]:
    """The records of all finished jobs of this run, page by page."""
    after = None
    while True:
        page = app.jobs.list(task=index_file, tag=run, state="succeeded", limit=1000, after=after)
        yield from page
        after = page.next
        if after is None:
            return


def markdown(found: list[tuple[Path, Facts]], root: Path) -> Iterator[str]:
    """The report, line by line."""
    unread = [(path, facts) for path, facts in found if facts.problem]
    longest = sorted(found, key=lambda each: -each[1].longest_lines)[:10]
    yield "# The Python standard library, counted"
    yield ""
    yield f"{len(found):,} files under `{root}`: {total(found, 'lines')} lines, {total(found, 'functions')} functions,"
    yield f"{total(found, 'classes')} classes, {total(found, 'imports')} imports."
    yield f"{len(unread)} files are no valid Python; most are there to test that."
    yield ""
    yield "## The ten longest functions"
    yield ""
    yield from table("lines", "function", "file")
    for path, facts in longest:
        yield row(facts.longest_lines, f"`{facts.longest}`", path)
    yield ""
    yield "## All files"
    yield ""
    yield from table("lines", "functions", "classes", "imports", "file")
    for path, facts in found:
        yield row(facts.lines, facts.functions, facts.classes, facts.imports, path)


def total(found: list[tuple[Path, Facts]], name: str) -> str:
    return f"{sum(getattr(facts, name) for _, facts in found):,}"


def table(*heads: str) -> Iterator[str]:
    yield row(*heads)
    yield row(*("---" for _ in heads))


def row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first decorator or `def` to the last statement."""
    first = min((each.lineno for each in function.decorator_list), default=function.lineno)
    return (function.end_lineno or first) - first + 1
