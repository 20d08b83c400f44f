from __future__ import annotations

import inspect

import pytest

from portl_cli import engine


def test_every_public_name_is_exported_and_every_class_and_function_says_what_it_is():
    exported = {name: getattr(engine, name) for name in engine.__all__}
    public = {name for name, value in vars(engine).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public - set(exported) == {"TYPE_CHECKING", "attributes"}
    described = [value for value in exported.values() if inspect.isclass(value) or inspect.isfunction(value)]
    assert [one.__name__ for one in described if not inspect.getdoc(one)] == []


def test_a_name_that_is_not_there_is_an_error_as_of_any_module():
    with pytest.raises(AttributeError, match=r"module 'portl_cli\.engine' has no attribute 'nothing'"):
        _ = engine.nothing


def test_every_rule_of_the_check_has_a_sentence():
    assert all(len(text) > 10 for text in engine.RULES.values())
