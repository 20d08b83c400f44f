"""The face of the package, and its thread safety."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import portl.values
from portl.values import REDACTOR, Readable, Redactor, compile_value, redact


class Part:
    def read(self, name):
        return name


def test_the_package_exports_what_it_says():
    assert sorted(portl.values.__all__, key=lambda name: (not name.isupper(), name)) == portl.values.__all__
    assert [name for name in portl.values.__all__ if not hasattr(portl.values, name)] == []


def test_of_portl_it_imports_only_the_errors_and_what_loads_its_own_parts():
    for file in Path(portl.values.__file__).parent.glob("*.py"):
        found = [node.module for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
        assert all(
            name.startswith(("portl.values", "portl.errors", "portl._lazy")) for name in found if name.startswith("portl")
        ), file


def test_readable_is_whatever_can_be_read():
    assert isinstance(Part(), Readable)
    assert compile_value("{{ a.b.c }}").render({"a": {"b": Part()}}) == "c"


def test_one_redactor_serves_the_process():
    REDACTOR.add("a secret of the process")
    assert isinstance(REDACTOR, Redactor)
    assert redact({"a": ["a secret of the process", 1]}) == {"a": ["***", 1]}


def test_threads_share_what_was_compiled():
    compiled = compile_value({"a": "{{ row.x | md5 }}", "b": "{{ idx }} of {{ row.x }}"})
    with ThreadPoolExecutor(8) as pool:
        rendered = list(pool.map(lambda idx: compiled.render({"row": {"x": idx}, "idx": idx})["b"], range(500)))
    assert rendered == [f"{idx} of {idx}" for idx in range(500)]
