"""The job file: its models, a YAML loader that keeps line and column, and the checks that need no run."""

from portl.jobs._checks import check_job
from portl.jobs._codes import CODES, Code
from portl.jobs._connections import connection_name
from portl.jobs._diagnostics import Diagnostic, closest
from portl.jobs._event_patterns import as_wildcard, fits_event
from portl.jobs._loader import check_file, check_stores, load_job, load_stores, parse_job
from portl.jobs._models import (
    AnyStep,
    Batch,
    Job,
    Param,
    ResultShape,
    Retry,
    StepSpec,
    Transaction,
    walk_steps,
)
from portl.jobs._outputs import Watched, below, watched
from portl.jobs._places import place_in_job
from portl.jobs._references import reads, source_of, step_names, step_references
from portl.jobs._schema import CONDITION, DEFINED_AS, alone, defined_as
from portl.jobs._spec_text import decode_spec, encode_spec
from portl.jobs._stores import (
    NO_STORES_FILE,
    PROFILE,
    STORES_FILES,
    StoresFile,
    is_store,
    key_stores,
    may_name_any,
    store_of,
    stores_of,
    with_profile,
)
from portl.jobs._strict import Strict
from portl.jobs._text_file import TextFile, read_text_file
from portl.jobs._transactions import (
    CALLS,
    DATABASES,
    Arrangement,
    arrange,
    goes_outside,
    has_effect_outside,
    is_call,
    is_database,
    neighbours,
    touches_itself,
    touches_same,
    used_databases,
)
from portl.jobs._triggers import TRIGGER_TYPES, EventTrigger, S3Trigger, ScheduleTrigger, TriggerSpec, read_trigger
from portl.jobs._yaml import Document, YamlProblem, read_yaml

__all__ = [
    "CALLS",
    "CODES",
    "CONDITION",
    "DATABASES",
    "DEFINED_AS",
    "NO_STORES_FILE",
    "PROFILE",
    "STORES_FILES",
    "TRIGGER_TYPES",
    "AnyStep",
    "Arrangement",
    "Batch",
    "Code",
    "Diagnostic",
    "Document",
    "EventTrigger",
    "Job",
    "Param",
    "ResultShape",
    "Retry",
    "S3Trigger",
    "ScheduleTrigger",
    "StepSpec",
    "StoresFile",
    "Strict",
    "TextFile",
    "Transaction",
    "TriggerSpec",
    "Watched",
    "YamlProblem",
    "alone",
    "arrange",
    "as_wildcard",
    "below",
    "check_file",
    "check_job",
    "check_stores",
    "closest",
    "connection_name",
    "decode_spec",
    "defined_as",
    "encode_spec",
    "fits_event",
    "goes_outside",
    "has_effect_outside",
    "is_call",
    "is_database",
    "is_store",
    "key_stores",
    "load_job",
    "load_stores",
    "may_name_any",
    "neighbours",
    "parse_job",
    "place_in_job",
    "read_text_file",
    "read_trigger",
    "read_yaml",
    "reads",
    "source_of",
    "step_names",
    "step_references",
    "store_of",
    "stores_of",
    "touches_itself",
    "touches_same",
    "used_databases",
    "walk_steps",
    "watched",
    "with_profile",
]
