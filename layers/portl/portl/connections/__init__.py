"""Connections: what a job names under ``connections`` and what opens them. No driver is loaded before one is opened."""

from portl.connections._following import links_of, whole_address
from portl.connections._functions import Boto3Invoker, FakeInvoker, FunctionInvoker, Target, failed, parse_target, use_invoker
from portl.connections._models import CONNECTION_TYPES, HttpSpec, LambdaSpec, PostgresSpec
from portl.connections._outgoing import Outgoing, outgoing
from portl.connections._registry import Connections
from portl.connections._secrets import SECRETS_BEGIN, marks_as_names, resolve, secret_variable, variables
from portl.connections._sql_text import bind_names, place_offsets, quote_identifier, split_statements, statement_starts

__all__ = [
    "CONNECTION_TYPES",
    "SECRETS_BEGIN",
    "Boto3Invoker",
    "Connections",
    "FakeInvoker",
    "FunctionInvoker",
    "HttpSpec",
    "LambdaSpec",
    "Outgoing",
    "PostgresSpec",
    "Target",
    "bind_names",
    "failed",
    "links_of",
    "marks_as_names",
    "outgoing",
    "parse_target",
    "place_offsets",
    "quote_identifier",
    "resolve",
    "secret_variable",
    "split_statements",
    "statement_starts",
    "use_invoker",
    "variables",
    "whole_address",
]
