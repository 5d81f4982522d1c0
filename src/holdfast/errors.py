"""Every error Holdfast raises, as one tree.

HoldfastError                      code
├── ConfigError                    config            a setting, URL or declaration that cannot work
│   ├── DuplicateTask              duplicate_task    two tasks of one name in one app
│   └── ImportFailed               import_failed     `mod:app` names nothing that can be imported
├── InvalidOption (ValueError)     invalid_option    an option of a call: a bad duration, a naive datetime …
│   ├── InvalidArguments           invalid_arguments arguments a task does not take or JSON cannot hold
│   └── DependencyCycle            dependency_cycle  jobs would wait for each other; nothing was stored
├── InvalidResult                  invalid_result    a return value its annotation or JSON cannot hold
├── TransactionTooLong             transaction_too_long  a body kept its transaction on SQLite for too long
├── DatabaseError                  database
│   ├── DatabaseUnavailable        unavailable       cannot be reached, opened or written now
│   │   └── Busy                   busy              a row stayed locked by somebody's open transaction
│   ├── NotADatabase               not_a_database    the file is something else
│   ├── ReadOnlyDatabase           read_only
│   ├── SchemaMissing              schema_missing    `holdfast migrate` was never run here
│   ├── SchemaTooOld               schema_too_old    `holdfast migrate` has steps to run
│   ├── SchemaTooNew               schema_too_new    a newer Holdfast migrated this database
│   └── OutcomeUnknown             outcome_unknown   the connection went in commit: it may or may not have happened
├── Refused                        refused           a request that was not stored, as its own options asked
│   ├── KeyTaken                   key_taken         a live job has the key, and on_conflict="reject" was given
│   ├── RateLimited                rate_limited      it came sooner than its rate_limit allows
│   ├── BatchEnded                 batch_ended       the batch takes no more jobs: it has ended or was cancelled
│   └── QuotaExceeded              quota_exceeded    the tenant has as many live jobs, or bytes of them, as it may
├── JobError
│   ├── JobNotFound                job_not_found
│   ├── WrongState                 wrong_state       the job's state forbids the verb; nothing changed
│   └── NoResult                                     what `result()` raises when there is no value
│       ├── JobFailed              job_failed        carries kind, message and traceback of the body's error
│       ├── JobCancelled           job_cancelled
│       ├── JobStalled             job_stalled
│       ├── Superseded             superseded        a newer request took the job's place; carries its job
│       ├── ResultTimeout (TimeoutError)  result_timeout
│       └── ResultGone             result_gone       the row was removed, as its retention asked
├── BodyFailed                     body_failed       what a wrapper sees of a body that failed in a process
├── StepFailed                     step_failed       a step of a job failed for good; carries its error's kind
│   └── StepTimeout (TimeoutError) step_timeout      … because it took longer than its timeout
├── WaitTimeout (TimeoutError)     wait_timeout      what a body waited for did not come in time
├── ScheduleNotFound               schedule_not_found
├── UnknownPipe                    unknown_pipe      the app declares no pipe of that name
├── WaitNotFound                   wait_not_found    nobody waits with that token
├── AnswerRefused                  answer_refused    a wait that is over, or an answer that is not what it waits for
└── MisuseError                    misuse            a call made where it cannot work
    └── TenantRequired             tenant_required   the connection reaches one tenant at a time, and none was named

JobStopped (BaseException)         the job was cancelled or is over its time; passes `except Exception` untouched
LeaseLost (BaseException)          another worker holds the job now; passes `except Exception` untouched
NonDeterminism (BaseException)     a body asks for other steps than it recorded; passes `except Exception` untouched
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing import Any


class HoldfastError(Exception):
    """Root of all errors raised by Holdfast; `code` is stable across versions."""

    code: ClassVar[str] = "holdfast"


class ConfigError(HoldfastError):
    """A setting, URL or declaration that cannot work."""

    code = "config"


class DuplicateTask(ConfigError):
    """A second task of the same name in one app."""

    code = "duplicate_task"


class ImportFailed(ConfigError):
    """`module:attribute` names nothing that can be imported."""

    code = "import_failed"


class InvalidOption(HoldfastError, ValueError):
    """An option of a call that cannot be used; nothing was stored."""

    code = "invalid_option"


class InvalidArguments(InvalidOption):
    """Arguments the task does not take, or that JSON cannot hold; nothing was stored."""

    code = "invalid_arguments"


class DependencyCycle(InvalidOption):
    """Jobs would wait for each other, or one for itself; nothing was stored."""

    code = "dependency_cycle"


class InvalidResult(HoldfastError):
    """A return value that its annotation refuses or JSON cannot hold."""

    code = "invalid_result"


class TransactionTooLong(HoldfastError):
    """A body kept its transaction on SQLite, where all writers wait for it, for too long; it was rolled back."""

    code = "transaction_too_long"


class DatabaseError(HoldfastError):
    """The database refused or could not answer."""

    code = "database"


class DatabaseUnavailable(DatabaseError):
    """The database cannot be reached, opened or written now."""

    code = "unavailable"


class Busy(DatabaseUnavailable):
    """A row or key stayed locked by somebody's open transaction; nothing changed."""

    code = "busy"


class NotADatabase(DatabaseError):
    """The file exists and is not a SQLite database."""

    code = "not_a_database"


class ReadOnlyDatabase(DatabaseError):
    """The database can be read but not written."""

    code = "read_only"


class SchemaMissing(DatabaseError):
    """Holdfast's tables are not there."""

    code = "schema_missing"


class SchemaTooOld(DatabaseError):
    """Holdfast's tables are older than this version of Holdfast needs."""

    code = "schema_too_old"


class SchemaTooNew(DatabaseError):
    """Holdfast's tables were migrated by a newer version of Holdfast."""

    code = "schema_too_new"


class OutcomeUnknown(DatabaseError):
    """The connection went while committing and it cannot be known whether the change happened."""

    code = "outcome_unknown"


class Refused(HoldfastError):
    """A request that was not stored, as its own options asked."""

    code = "refused"


class KeyTaken(Refused):
    """A live job has the key; `job` is its handle."""

    code = "key_taken"

    def __init__(self, message: str, job: "Any") -> None:
        super().__init__(message)
        self.job = job


class RateLimited(Refused):
    """The request came sooner than its `rate_limit` allows; after `retry_after` seconds it may be let in."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BatchEnded(Refused):
    """The batch takes no more jobs: it has ended, or was cancelled; nothing was stored."""

    code = "batch_ended"


class QuotaExceeded(Refused):
    """The tenant would have more live jobs, or bytes of their arguments, than its quota; nothing was stored.

    quota: `live` or `storage`. most: what it may have. had: what it had.
    """

    code = "quota_exceeded"

    def __init__(self, message: str, quota: str, most: int, had: int) -> None:
        super().__init__(message)
        self.quota = quota
        self.most = most
        self.had = had


class JobError(HoldfastError):
    """Something about one job; `job_id` names it."""

    code = "job"

    def __init__(self, message: str, job_id: str = "") -> None:
        super().__init__(message)
        self.job_id = job_id


class JobNotFound(JobError):
    """No such job, or not yours to see."""

    code = "job_not_found"


class WrongState(JobError):
    """The job's state forbids the verb; nothing changed."""

    code = "wrong_state"


class NoResult(JobError):
    """The job has no value to give."""

    code = "no_result"


class JobFailed(NoResult):
    """The job's last attempt failed. `kind`, `message` and `traceback` are those of the body's error."""

    code = "job_failed"

    def __init__(self, job_id: str, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"job {job_id} failed: {kind}: {message}", job_id)
        self.kind = kind
        self.message = message
        self.traceback = traceback


class JobCancelled(NoResult):
    """The job was cancelled; `reason` says by what."""

    code = "job_cancelled"

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"job {job_id} was cancelled ({reason})", job_id)
        self.reason = reason


class JobStalled(NoResult):
    """The job ran into its time limit or crashed, and waits for a person."""

    code = "job_stalled"


class Superseded(NoResult):
    """A newer request took the place of this one, which never ran; `job` is the newer's handle."""

    code = "superseded"

    def __init__(self, message: str, job_id: str, job: "Any") -> None:
        super().__init__(message, job_id)
        self.job = job


class ResultTimeout(NoResult, TimeoutError):
    """The job had not ended when the time to wait was over; it goes on."""

    code = "result_timeout"


class ResultGone(NoResult):
    """The job ended and its row has been removed, as its retention asked."""

    code = "result_gone"


class BodyFailed(HoldfastError):
    """A body failed in a process of its own: for the attempt's wrappers it stands for the error, which stays there.

    kind, message, traceback: those of the body's error, as text; the kind of one that was killed is `timeout` or
        `ProcessDied`.
    """

    code = "body_failed"

    def __init__(self, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.traceback = traceback


class StepFailed(HoldfastError):
    """A step failed and is not tried again in this attempt.

    It is raised the same way when the step has just failed and when that is known from its record: `step` is its name,
    `kind`, `message` and `traceback` are those of its function's error.
    """

    code = "step_failed"

    def __init__(self, step: str, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(f"step {step} failed: {kind}: {message}")
        self.step = step
        self.kind = kind
        self.message = message
        self.traceback = traceback


class StepTimeout(StepFailed, TimeoutError):
    """A step took longer than its `timeout`, each time that it was tried."""

    code = "step_timeout"


class WaitTimeout(HoldfastError, TimeoutError):
    """What a body waited for (`wait_for`, `invoke`) did not come within its `timeout`; a child goes on."""

    code = "wait_timeout"


class ScheduleNotFound(HoldfastError):
    """No such schedule, or not yours to see; `name` is what it was called."""

    code = "schedule_not_found"

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class UnknownPipe(HoldfastError):
    """The app declares no pipe of that name; `name` is what it was called."""

    code = "unknown_pipe"

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class WaitNotFound(HoldfastError):
    """No job of yours waits, or waited, with that token."""

    code = "wait_not_found"


class AnswerRefused(HoldfastError):
    """The wait is over already, or the answer is not what it waits for; nothing changed."""

    code = "answer_refused"


class MisuseError(HoldfastError):
    """A call made where it cannot work."""

    code = "misuse"


class TenantRequired(MisuseError):
    """The connection reaches one tenant's rows at a time, and the call named none."""

    code = "tenant_required"


class JobStopped(BaseException):
    """The running job was cancelled, or its time is over: raised where its body looks, for it to end."""


class LeaseLost(BaseException):
    """Another worker holds the job now; what this body does from here on is not recorded."""


class NonDeterminism(BaseException):
    """A job's body asked for another step than the one it had recorded at this place: its code has changed.

    Nothing is done, and the job is parked until code that fits runs it; the message shows both.
    """
