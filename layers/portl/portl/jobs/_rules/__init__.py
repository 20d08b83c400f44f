"""What can be found wrong in a job without running it: one concern a file, each rule's docstring begins with its codes."""

from collections.abc import Callable

from portl.jobs._rules._check import Check
from portl.jobs._rules.alignment import results_line_up
from portl.jobs._rules.batches import a_batch_goes_over_a_list
from portl.jobs._rules.braces import braces_come_in_pairs
from portl.jobs._rules.columns import columns_are_those_named
from portl.jobs._rules.connections import (
    addresses_lead_to_stores,
    connections_are_known,
    connections_fit_their_models,
    profiles_replace_what_is_there,
)
from portl.jobs._rules.dead_letters import records_can_be_kept_aside
from portl.jobs._rules.effects import settings_have_an_effect
from portl.jobs._rules.expressions import expressions_are_valid
from portl.jobs._rules.functions import functions_are_there
from portl.jobs._rules.mappings import mappings_can_be_compiled
from portl.jobs._rules.marks import marks_can_be_resolved
from portl.jobs._rules.names import names_are_free
from portl.jobs._rules.params import params_agree_with_themselves
from portl.jobs._rules.references import references_lead_somewhere
from portl.jobs._rules.run_key import run_key_reads_params
from portl.jobs._rules.secrets import secrets_are_not_written_down
from portl.jobs._rules.staging import staging_can_be_done
from portl.jobs._rules.steps import steps_agree_with_themselves
from portl.jobs._rules.transactions import transactions_hold
from portl.jobs._rules.triggers import events_files_are_read_by_version, outputs_start_nothing, triggers_can_start_it
from portl.jobs._rules.unsupported import this_version_can_do_it
from portl.jobs._rules.waits import waits_stand_by_themselves

RULES: tuple[Callable[[Check], None], ...] = (
    names_are_free,
    params_agree_with_themselves,
    connections_fit_their_models,
    profiles_replace_what_is_there,
    connections_are_known,
    addresses_lead_to_stores,
    functions_are_there,
    expressions_are_valid,
    braces_come_in_pairs,
    run_key_reads_params,
    references_lead_somewhere,
    results_line_up,
    a_batch_goes_over_a_list,
    columns_are_those_named,
    mappings_can_be_compiled,
    steps_agree_with_themselves,
    settings_have_an_effect,
    records_can_be_kept_aside,
    marks_can_be_resolved,
    secrets_are_not_written_down,
    this_version_can_do_it,
    transactions_hold,
    staging_can_be_done,
    waits_stand_by_themselves,
    triggers_can_start_it,
    outputs_start_nothing,
    events_files_are_read_by_version,
)

__all__ = ["RULES", "Check"]
