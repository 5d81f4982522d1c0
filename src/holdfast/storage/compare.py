"""Two shapes of a schema, held against each other: what each part is called, and how it is made."""

from collections.abc import Iterable, Mapping

from holdfast.model.finding import Finding, problem, warning

REPAIR = (
    "restore it, or ask what changed it: no version of Holdfast did. In development, holdfast migrate --reset --yes "
    "makes the tables anew"
)


def compared(wanted: Mapping[str, str], there: Mapping[str, str]) -> list[Finding]:
    """What is missing, what is made otherwise, and what is there besides."""
    missing = [name for name in wanted if name not in there]
    changed = [name for name in wanted if name in there and there[name] != wanted[name]]
    more = [name for name in there if name not in wanted]
    missing, changed, more = _telling(missing), _telling(changed), _telling(more)
    if changed and all(name.startswith("definition of ") for name in changed) and (missing or more):
        changed = []  # a column too few or too many is a definition that differs
    found: list[Finding] = []
    if missing:
        found.append(problem(f"missing: {_listed(missing)}", REPAIR))
    if changed:
        found.append(problem(f"not as the migrations make it: {_listed(changed)}", REPAIR))
    if more:
        found.append(
            warning(
                f"beside Holdfast's own there is: {_listed(more)}",
                "a later migration may be in its way, and every write pays for an index or a trigger",
            )
        )
    return found


def _telling(names: Iterable[str]) -> list[str]:
    """Without what goes without saying: the columns of a table that is named itself."""
    names = list(names)
    tables = {name.removeprefix("table ") for name in names if name.startswith("table ")}
    return [name for name in names if name.partition(" ")[2].removeprefix("of ").partition(".")[0] not in tables
            or name.startswith("table ")]  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
