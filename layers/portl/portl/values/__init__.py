"""Values: sandboxed expressions, mapping and coercion of fields, redaction of secrets."""

from typing import TYPE_CHECKING

from portl._lazy import attributes

if TYPE_CHECKING:
    from portl.values._condition import decide, is_condition
    from portl.values._json import as_text, canonical_json, from_json, json_text, to_json
    from portl.values._mapping import FieldSpec, RecordMapping, compile_mapping
    from portl.values._redaction import REDACTOR, Redactor, redact, shortened
    from portl.values._sandbox import Readable
    from portl.values._syntax import Reference
    from portl.values._templates import Compiled, compile_value
    from portl.values._types import TYPES
    from portl.values._unknown import Unknown, as_string, kept, known, marked, may_be, revived, text_with

__all__ = [
    "REDACTOR",
    "TYPES",
    "Compiled",
    "FieldSpec",
    "Readable",
    "RecordMapping",
    "Redactor",
    "Reference",
    "Unknown",
    "as_string",
    "as_text",
    "canonical_json",
    "compile_mapping",
    "compile_value",
    "decide",
    "from_json",
    "is_condition",
    "json_text",
    "kept",
    "known",
    "marked",
    "may_be",
    "redact",
    "revived",
    "shortened",
    "text_with",
    "to_json",
]

if not TYPE_CHECKING:  # so that a name that is not there stays an error of types
    __getattr__ = attributes(
        __name__,
        {
            "_condition": "decide is_condition",
            "_json": "as_text canonical_json from_json json_text to_json",
            "_mapping": "FieldSpec RecordMapping compile_mapping",
            "_redaction": "REDACTOR Redactor redact shortened",
            "_sandbox": "Readable",
            "_syntax": "Reference",
            "_templates": "Compiled compile_value",
            "_types": "TYPES",
            "_unknown": "Unknown as_string kept known marked may_be revived text_with",
        },
    )
