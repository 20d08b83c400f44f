"""The compiler: Job → segments → budget → Amazon States Language → IAM, with plain data between; then picture/."""

from portl_cli.compile.asl import machine
from portl_cli.compile.budget import Budget, budget
from portl_cli.compile.build import Compiled, compile_job, definition_text
from portl_cli.compile.iam import functions_of, logical_id, substitution_key
from portl_cli.compile.order import DoneStep, tasks_in_order
from portl_cli.compile.rights import Place, Rights, rights
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Staged, Transaction, segments

__all__ = [
    "Branch",
    "Budget",
    "Chunks",
    "Compiled",
    "Decision",
    "DoneStep",
    "Items",
    "Place",
    "Rights",
    "Segment",
    "Single",
    "Staged",
    "Transaction",
    "budget",
    "compile_job",
    "definition_text",
    "functions_of",
    "logical_id",
    "machine",
    "rights",
    "segments",
    "substitution_key",
    "tasks_in_order",
]
