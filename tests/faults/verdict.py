"""Judges a run: the journals of the processes against what the database saw and what it holds in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.faults import journal
from tests.faults.audit import Database, Finished, Move
from tests.faults.crew import FAILS

LIMIT = 20
"""Complaints of one kind that are printed."""


@dataclass
class Verdict:
    """What a run came to. A complaint is a sentence with a job's id in it."""

    jobs: int = 0
    runs: int = 0
    rescues: int = 0
    recoveries: list[float] = field(default_factory=list)
    complaints: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def count(self, kind: str) -> int:
        return len(self.complaints.get(kind, ()))

    def complain(self, kind: str, sentence: str) -> None:
        self.complaints[kind].append(sentence)

    def __str__(self) -> str:
        found = [f"{kind}: {len(all)}, {all[:LIMIT]}" for kind, all in self.complaints.items()]
        return "\n".join(found) or "nothing to complain of"


def judge(
    database: Database, folder: Path, killed: Mapping[int, int] | None = None, stored: Iterable[str] = ()
) -> Verdict:
    """Every check that holds for every run.

    killed: process ids and when (microseconds) each was killed.
    stored: jobs that were enqueued, beside those of the producers' journals.
    """
    verdict = Verdict()
    moves: dict[str, list[Move]] = defaultdict(list)
    for move in database.moves():
        moves[move.job].append(move)
    history: dict[str, list[Finished]] = defaultdict(list)
    for row in database.finished():
        history[row.job].append(row)
    runs: dict[str, list[journal.Run]] = defaultdict(list)
    for run in journal.runs(folder):
        runs[run.job].append(run)
        verdict.runs += 1
    tasks = {line["job"]: line["task"] for line in journal.lines(folder, "ask")}
    acked = {line["job"] for line in journal.lines(folder, "ack")} | set(stored)
    for line in journal.lines(folder, "torn", "damaged"):
        verdict.complain(line["kind"], str(line))
    verdict.jobs = len(acked)
    for job in acked | set(history):
        _check_end(verdict, job, history[job], tasks)
    spoke = _last_words(folder)
    for job, steps in moves.items():
        _check_moves(verdict, job, steps, spoke)
    for job, executions in runs.items():
        _check_runs(verdict, job, executions, moves[job], history[job])
    _measure_recovery(verdict, moves, folder, killed or {})
    return verdict


def _check_end(verdict: Verdict, job: str, ends: list[Finished], tasks: Mapping[str, str]) -> None:
    """Exactly one end, the one that its kind must come to."""
    if not ends:
        verdict.complain("lost", job)
        return
    if len(ends) > 1:
        verdict.complain("doubled", f"{job}: {ends}")
    end = ends[0]
    expected = "failed" if tasks.get(job) in FAILS else "succeeded"
    if end.state != expected:
        verdict.complain("wrong end", f"{job}: {tasks.get(job)} {end}")
    if end.attempt > end.max_attempts:
        verdict.complain("attempts", f"{job}: {end}")
    if end.state == "succeeded" and end.result != str(end.token):
        verdict.complain("stale", f"{job}: the result of token {end.result} was stored under {end.token}")


def _last_words(folder: Path) -> dict[str, int]:
    """When (microseconds) each worker's process wrote its last line, by the worker's identity."""
    boots = {line["pid"]: line["boot"] for line in journal.lines(folder, "boot")}
    spoke: dict[str, int] = {}
    for line in journal.lines(folder):
        if (boot := boots.get(line["pid"])) is not None:
            spoke[boot] = max(line["at"], spoke.get(boot, 0))
    return spoke


def _check_moves(verdict: Verdict, job: str, steps: list[Move], spoke: Mapping[str, int]) -> None:
    """Each claim takes what nobody holds, under the next token; a lease that did not lapse is taken from the dead
    alone, who have written nothing in their journals since (`spoke`)."""
    token = 0
    holder: str | None = None
    ended = False
    spent = 0
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if ended and step.kind == "insert" and following is not None and following.kind == "delete":
            continue  # a repeated enqueue that undid itself
        if ended and step.kind == "delete":
            continue
        if ended and step.kind != "history":
            verdict.complain("moved after its end", f"{job}: {step}")
        if step.kind == "update" and step.became == "running":
            if step.was != "ready" or step.token != token + 1:
                verdict.complain("two leases", f"{job}: {step}, while {holder} had token {token}")
            token, holder = step.token, step.worker
        elif step.kind == "update" and step.was == "running":
            if step.token != token:
                verdict.complain("stale", f"{job}: {step}, while {holder} has token {token}")
            if step.crashes > (step.old_crashes or 0):
                verdict.rescues += 1
                lapsed = step.lease_until is not None and step.at is not None and step.at >= step.lease_until
                died = step.at is not None and spoke.get(step.old_worker or "", step.at + 1) <= step.at
                if not lapsed and not died:
                    verdict.complain("two leases", f"{job}: a live lease was taken away: {step}")
            elif step.became == "scheduled":
                spent += 1
            holder = None
        elif step.kind == "delete":
            if step.token != token:
                verdict.complain("stale", f"{job}: {step}, while {holder} has token {token}")
        elif step.kind == "history":
            if step.token != token:
                verdict.complain("stale", f"{job}: {step}, while {holder} has token {token}")
            if ended:
                verdict.complain("doubled", f"{job}: {step}")
            ended = True


def _check_runs(verdict: Verdict, job: str, runs: list[journal.Run], steps: list[Move], ends: list[Finished]) -> None:
    """Bodies run under claims that the database knows; two at once only where the first one's lease was past."""
    claims = {step.token: step for step in steps if step.kind == "update" and step.became == "running"}
    lapsed = {step.old_token for step in steps if step.kind == "update" and step.crashes > (step.old_crashes or 0)}
    tokens = [run.token for run in runs]
    for token in set(tokens):
        if token not in claims:
            verdict.complain("run without claim", f"{job}: token {token}")
        if tokens.count(token) > 1:
            verdict.complain("two runs of one claim", f"{job}: token {token}")
    ordered = sorted(runs, key=lambda run: run.token)
    for run, following in pairwise(ordered):
        over = run.ended is not None and run.ended <= following.begun
        if not over and run.token not in lapsed:
            verdict.complain("two leases", f"{job}: {following} began beside {run}, whose lease was not past")
    for end in ends:
        winner = [run for run in runs if run.token == end.token and run.ended is not None]
        if not winner:
            verdict.complain("finished without a run", f"{job}: {end}")
        counted = [run for run in runs if run.how == "raised" and run.token not in lapsed]
        if len(counted) > end.max_attempts:
            verdict.complain("attempts", f"{job}: {len(counted)} counted failures, {end.max_attempts} allowed")


def _measure_recovery(
    verdict: Verdict, moves: Mapping[str, list[Move]], folder: Path, killed: Mapping[int, int]
) -> None:
    """Seconds from a worker's death to the next claim of each job that it held."""
    died = {line["boot"]: killed[line["pid"]] for line in journal.lines(folder, "boot") if line["pid"] in killed}
    for steps in moves.values():
        held: Move | None = None
        death = 0
        for step in steps:
            if held is not None and step.kind == "update" and step.became == "running":
                verdict.recoveries.append(((step.at or death) - death) / 1e6)
                held = None
            if step.kind == "update" and step.became == "running" and step.worker in died:
                held, death = step, died[step.worker]
            elif held is not None and step.crashes == held.crashes and step.kind != "insert":
                held = None  # ended or given back while its worker lived


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
