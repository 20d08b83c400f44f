from __future__ import annotations

import inspect

from portl_cli import engine


def test_every_public_name_is_exported_and_every_class_and_function_says_what_it_is():
    public = {name for name, value in vars(engine).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert set(engine.__all__) == public
    described = [
        value for name in engine.__all__ if inspect.isclass(value := getattr(engine, name)) or inspect.isfunction(value)
    ]
    assert [one.__name__ for one in described if not inspect.getdoc(one)] == []


def test_every_rule_of_the_check_has_a_sentence():
    assert all(len(text) > 10 for text in engine.RULES.values())
