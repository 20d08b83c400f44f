"""How a function does its part of a run: the handler, results by reference, intents and their executor."""

from portl.runs._begin import NEW_KEY, Run, base_params, check_key, read_params
from portl.runs._clock import scaled
from portl.runs._counts import CALLED, FAILED, FAILED_BEFORE, LEFT_OUT, REPLAYED, REUSED, ROLLED_BACK
from portl.runs._csv_files import CsvFiles
from portl.runs._drivers import Load, run_step
from portl.runs._effects import Effects, Executor, LiveEffects, Staged, use_effects
from portl.runs._ended import Remaining, set_chunk_aside
from portl.runs._events import log
from portl.runs._executor import outgoing_of
from portl.runs._file_content import Content
from portl.runs._file_intents import (
    AwaitFiles,
    CopyFile,
    CopyFiles,
    DeleteFiles,
    FileIntent,
    ListFiles,
    LookAt,
    Manner,
    Pin,
    SignFile,
)
from portl.runs._file_waits import look_for
from portl.runs._file_work import FileWork
from portl.runs._folder import RunFolder
from portl.runs._handler import handle
from portl.runs._intents import (
    Again,
    Begin,
    CallKey,
    Commit,
    Decide,
    Intent,
    Invocation,
    KeepRecords,
    Merge,
    Noted,
    Pages,
    ReadRecords,
    Request,
    SetAside,
    Stage,
    Statement,
    WriteFile,
    document,
    with_key,
)
from portl.runs._ledger import Ledger, switched_on
from portl.runs._letters import Letter, chunk_letters, keep_letters, keep_settled, letters_name, read_letters
from portl.runs._listed import Listed, listed
from portl.runs._origin import REPLAY, RESUME, read_base
from portl.runs._outbox import ENQUEUE, ENQUEUED_COLUMNS, OUTBOX, prepare_outbox
from portl.runs._own_tables import is_there
from portl.runs._pace import Pace, interval_of
from portl.runs._pages_driver import run_pages
from portl.runs._progress import use_progress
from portl.runs._results import PER_RECORD
from portl.runs._rows import MAX_CHUNKS, Rows, RowsReader, RowsWriter
from portl.runs._specs import SPEC_REFERENCE, SPECS, keep_specs
from portl.runs._stage_driver import run_stage
from portl.runs._staged import (
    INDEX,
    INSERTED,
    LOST,
    STAGE,
    UNCHANGED,
    UPDATED,
    Keyed,
    Lot,
    Stageable,
    StagedWrite,
)
from portl.runs._steptype import Prepared, Scope, StepType
from portl.runs._task import LambdaContext, Task
from portl.runs._unit_task import run_commit, run_transaction, single_step
from portl.runs._units import Unit, earlier_unit
from portl.runs._wait_driver import run_wait

__all__ = [
    "CALLED",
    "ENQUEUE",
    "ENQUEUED_COLUMNS",
    "FAILED",
    "FAILED_BEFORE",
    "INDEX",
    "INSERTED",
    "LEFT_OUT",
    "LOST",
    "MAX_CHUNKS",
    "NEW_KEY",
    "OUTBOX",
    "PER_RECORD",
    "REPLAY",
    "REPLAYED",
    "RESUME",
    "REUSED",
    "ROLLED_BACK",
    "SPECS",
    "SPEC_REFERENCE",
    "STAGE",
    "UNCHANGED",
    "UPDATED",
    "Again",
    "AwaitFiles",
    "Begin",
    "CallKey",
    "Commit",
    "Content",
    "CopyFile",
    "CopyFiles",
    "CsvFiles",
    "Decide",
    "DeleteFiles",
    "Effects",
    "Executor",
    "FileIntent",
    "FileWork",
    "Intent",
    "Invocation",
    "KeepRecords",
    "Keyed",
    "LambdaContext",
    "Ledger",
    "Letter",
    "ListFiles",
    "Listed",
    "LiveEffects",
    "Load",
    "LookAt",
    "Lot",
    "Manner",
    "Merge",
    "Noted",
    "Pace",
    "Pages",
    "Pin",
    "Prepared",
    "ReadRecords",
    "Remaining",
    "Request",
    "Rows",
    "RowsReader",
    "RowsWriter",
    "Run",
    "RunFolder",
    "Scope",
    "SetAside",
    "SignFile",
    "Stage",
    "Stageable",
    "Staged",
    "StagedWrite",
    "Statement",
    "StepType",
    "Task",
    "Unit",
    "WriteFile",
    "base_params",
    "check_key",
    "chunk_letters",
    "document",
    "earlier_unit",
    "handle",
    "interval_of",
    "is_there",
    "keep_letters",
    "keep_settled",
    "keep_specs",
    "letters_name",
    "listed",
    "log",
    "look_for",
    "outgoing_of",
    "prepare_outbox",
    "read_base",
    "read_letters",
    "read_params",
    "run_commit",
    "run_pages",
    "run_stage",
    "run_step",
    "run_transaction",
    "run_wait",
    "scaled",
    "set_chunk_aside",
    "single_step",
    "switched_on",
    "use_effects",
    "use_progress",
    "with_key",
]
