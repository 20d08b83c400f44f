from __future__ import annotations

from collections.abc import Iterator

from portl.jobs._connections import kind_of
from portl.jobs._diagnostics import closest
from portl.jobs._event_patterns import wrong_pattern
from portl.jobs._outputs import object_at, watched
from portl.jobs._rules._check import Check, Placed, compiled_or_none, leaves
from portl.jobs._rules.expressions import compiles
from portl.jobs._schedules import wrong_schedule, wrong_timezone
from portl.jobs._triggers import EventTrigger, S3Trigger, ScheduleTrigger, TriggerSpec
from portl.jobs._yaml import Path
from portl.values import Reference

_NAMES_A_FILE = frozenset({"uri", "address", "key"})


def triggers_can_start_it(check: Check) -> None:
    """J006, J204, J601 to J604: a trigger is one that AWS takes, and gives the job what it needs."""
    seen: set[str] = set()
    for path, trigger in _placed(check):
        plain = trigger.id.replace("_", "").casefold()  # resources of a template have names of letters and digits
        if plain in seen:
            check.add((*path, "id"), "J006", f'the id "{trigger.id}" stands twice, or differs by case and _ only')
        seen.add(plain)
        _params(check, path, trigger)
        if isinstance(trigger, S3Trigger):
            _store(check, path, trigger)
        elif isinstance(trigger, ScheduleTrigger):
            _schedule(check, path, trigger)
        elif isinstance(trigger, EventTrigger):
            for where, text in wrong_pattern(trigger.pattern):
                check.add((*path, "pattern", *where), "J604", text, "write it as EventBridge has it")


def outputs_start_nothing(check: Check) -> None:
    """J605: no file that the job makes is one that would start it again."""
    for path, trigger in _placed(check):
        seen = watched(trigger, check.job.connections) if isinstance(trigger, S3Trigger) else None
        for placed in check.steps if seen else ():
            for where, address in placed.step.outputs():
                found = object_at(address, check.job.connections)
                if found and seen and seen.could_be(*found):
                    text = f'what is written here could start the job again, by its trigger "{trigger.id}"'
                    check.add((*placed.path, *where), "J605", text, _apart(check, path))


def events_files_are_read_by_version(check: Check) -> None:
    """J606: a step that reads the file of an event says which version of it."""
    named = {name for _, trigger in _placed(check) if isinstance(trigger, S3Trigger) for name in _files(trigger)}
    for placed in check.steps if named else ():
        pins = [getattr(placed.step, name, None) for name in ("version", "etag")]
        if "version" in type(placed.step).model_fields and pins == [None, None]:
            _read(check, placed, named)


def _placed(check: Check) -> Iterator[tuple[Path, TriggerSpec]]:
    for at, trigger in enumerate(check.job.triggers):
        yield ("triggers", at), trigger


def _params(check: Check, path: Path, trigger: TriggerSpec) -> None:
    for name, value in trigger.params.items():
        where = (*path, "params", name)
        if name not in check.job.params:
            hint = closest(name, check.job.params) or "declare it under params"
            check.add(where, "J601", f'there is no parameter "{name}"', hint, key=True)
        for leaf, text in leaves(value, where):
            compiles(check, leaf, text)
            compiled = compiled_or_none(text)
            for reference in compiled.references if compiled else ():
                _reads(check, leaf, reference, trigger)
    for name, param in check.job.params.items():
        if param.required and name not in trigger.params:
            hint = f'write params: {{{name}: "{{{{ event.… }}}}"}}'
            check.add((*path, "id"), "J602", f'the trigger "{trigger.id}" gives no "{name}", which the job requires', hint)


def _reads(check: Check, path: Path, reference: Reference, trigger: TriggerSpec) -> None:
    head, field = reference.path[0], reference.path[1] if len(reference.path) > 1 else None
    if head != "event":
        text = f"params of a trigger read event, not {head}"
        check.add(path, "J206", text, "nothing of the run is known before it begins", offset=reference.offset)
    elif isinstance(field, str) and field not in trigger.gives:
        text = f'the event of {trigger.type} has no "{field}"'
        check.add(path, "J206", text, closest(field, trigger.gives), offset=reference.offset)


def _store(check: Check, path: Path, trigger: S3Trigger) -> None:
    spec = check.job.connections.get(trigger.store) if trigger.store is not None else None
    if trigger.store is not None and kind_of(dict(spec or {})) != "s3":
        text = f'"{trigger.store}" is no store of type s3'
        known = [name for name, each in check.job.connections.items() if kind_of(each) == "s3"]
        check.add((*path, "store"), "J204", text, closest(trigger.store, known) or "declare it under connections")
    elif spec is not None and "${" in str(spec.get("prefix") or ""):
        text = f"the prefix of {trigger.store} is known to a run only, and a rule needs it before"
        check.add((*path, "store"), "J204", text, "name the bucket, and write the prefix here")


def _schedule(check: Check, path: Path, trigger: ScheduleTrigger) -> None:
    if wrong := wrong_schedule(trigger.expression):
        hint = 'as in "cron(0 6 ? * MON-FRI *)", "rate(15 minutes)", "at(2026-12-24T18:00:00)"'
        check.add((*path, "expression"), "J603", f"{trigger.expression} is no schedule: {wrong}", hint)
    if wrong := wrong_timezone(trigger.timezone):
        check.add((*path, "timezone"), "J603", wrong, "an IANA name, such as Europe/Berlin")


def _apart(check: Check, path: Path) -> str:
    line, _ = check.document.place(path)
    return f"begin it with a folder of its own, that the prefix or the suffix of line {line} leaves out"


def _files(trigger: S3Trigger) -> Iterator[str]:
    """The parameters that are the event's file."""
    for name, value in trigger.params.items():
        compiled = compiled_or_none(value) if isinstance(value, str) else None
        fields = [reference.path[1] for reference in compiled.references if len(reference.path) > 1] if compiled else []
        if not _NAMES_A_FILE.isdisjoint(fields):
            yield name


def _read(check: Check, placed: Placed, named: set[str]) -> None:
    made = {where for where, _ in placed.step.outputs()}
    addresses = set(placed.step.addresses())
    for path, references in check.references(placed):
        text = next((text for where, text in check.leaves(placed) if where == path), "")
        read = next(
            (each for each in references if each.path[:1] == ("params",) and each.path[1:2] and each.path[1] in named), None
        )
        if read is not None and text in addresses and path[len(placed.path) :] not in made:
            told = f"params.{read.path[1]} is the file of an event, and what is there by now may be another one"
            hint = 'write version: "{{ params.version }}", and give it by the trigger: version: "{{ event.version }}"'
            check.add(path, "J606", told, hint, offset=read.offset)
