"""How a function does its part of a run: the handler, results by reference, intents and their executor."""

from portl.runs._begin import NEW_KEY, Run, read_params
from portl.runs._drivers import Load, run_step
from portl.runs._effects import Effects, Executor, LiveEffects, use_effects
from portl.runs._executor import outgoing_of, read_records
from portl.runs._folder import RunFolder
from portl.runs._handler import handle
from portl.runs._intents import (
    Begin,
    Commit,
    Decide,
    Intent,
    Invocation,
    KeepRecords,
    Noted,
    ReadRecords,
    Request,
    Statement,
    document,
)
from portl.runs._ledger import Ledger, switched_on
from portl.runs._progress import use_progress
from portl.runs._results import PER_RECORD
from portl.runs._rows import MAX_CHUNKS, Rows, RowsReader, RowsWriter
from portl.runs._specs import SPEC_REFERENCE, SPECS, keep_specs
from portl.runs._steptype import Prepared, Scope, StepType
from portl.runs._task import LambdaContext, Task
from portl.runs._transaction import REPLAYED, run_transaction, single_step
from portl.runs._units import Unit, earlier_unit

__all__ = [
    "MAX_CHUNKS",
    "NEW_KEY",
    "PER_RECORD",
    "REPLAYED",
    "SPECS",
    "SPEC_REFERENCE",
    "Begin",
    "Commit",
    "Decide",
    "Effects",
    "Executor",
    "Intent",
    "Invocation",
    "KeepRecords",
    "LambdaContext",
    "Ledger",
    "LiveEffects",
    "Load",
    "Noted",
    "Prepared",
    "ReadRecords",
    "Request",
    "Rows",
    "RowsReader",
    "RowsWriter",
    "Run",
    "RunFolder",
    "Scope",
    "Statement",
    "StepType",
    "Task",
    "Unit",
    "document",
    "earlier_unit",
    "handle",
    "keep_specs",
    "outgoing_of",
    "read_params",
    "read_records",
    "run_step",
    "run_transaction",
    "single_step",
    "switched_on",
    "use_effects",
    "use_progress",
]
