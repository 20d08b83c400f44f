"""The compiler: Job → segments → budget → Amazon States Language → IAM → picture, with plain data between the stages."""

from portl_cli.compile.asl import machine
from portl_cli.compile.budget import Budget, budget
from portl_cli.compile.build import Compiled, compile_job, definition_text
from portl_cli.compile.iam import functions_of, logical_id, substitution_key
from portl_cli.compile.picture import mermaid, svg
from portl_cli.compile.segments import Branch, Chunks, Decision, Items, Segment, Single, Staged, Transaction, segments

__all__ = [
    "Branch",
    "Budget",
    "Chunks",
    "Compiled",
    "Decision",
    "Items",
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
    "mermaid",
    "segments",
    "substitution_key",
    "svg",
]
