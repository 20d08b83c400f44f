"""Every code of a diagnostic: what it says, why it is wrong, and the way out. The pages in docs/errors are made of this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding. ``rule`` is the file that finds it, under ``portl/jobs``."""

    title: str
    cause: str
    way_out: str
    rule: str
    level: Level = "error"


CODES: dict[str, Code] = {
    "J000": Code(
        "the job cannot be read or built",
        "The file is not there or cannot be opened, or the job's state machine would grow beyond what Step Functions takes.",
        "Check the path and its permissions. If a step is too large, keep its data in a file or a table and let the "
        "step read it.",
        "_loader.py",
    ),
    "J001": Code(
        "the file is no YAML that a job can be read from",
        "The text does not follow YAML 1.2, a key stands twice in one mapping, or the file is not UTF-8, or over 1 MB.",
        "Correct the text at the place told. A key that stands twice is refused because one of its values would be "
        "lost silently.",
        "_loader.py",
    ),
    "J002": Code(
        "a field is unknown",
        "The field is not one of those that may stand there. Unknown fields are refused because a misspelt one would "
        "be ignored.",
        "Write the field as the hint says it, or leave it out.",
        "_form.py",
    ),
    "J003": Code(
        "a required field is missing",
        "The job, the step or the connection cannot work without the field.",
        "Add the field.",
        "_form.py",
    ),
    "J004": Code(
        "a value has the wrong type or is not one of those allowed",
        "The value is of another type, outside its range, or does not go together with what stands beside it.",
        "Write a value of the kind that the message names.",
        "_form.py",
    ),
    "J005": Code(
        "a step type or a trigger type is unknown",
        "No step type, or trigger type, has this name.",
        "Write the type as the hint says it; docs/jobs.md and docs/triggers.md list them all.",
        "_form.py",
    ),
    "J006": Code(
        "a name stands twice",
        "Two steps have one id, or are read by one name. Only steps in opposite branches of a conditional may share a name, "
        "because only one of them runs for a record.",
        "Give one of them another name.",
        "_rules/names.py",
    ),
    "J007": Code(
        "a name cannot be used",
        "A name is made of letters, digits and _, begins with none of the digits, has at most 40 characters, and is "
        "no name that "
        "expressions or state machines use for something else. A store's has two characters at least, as l: is a drive.",
        "Choose another name.",
        "_rules/names.py",
    ),
    "J008": Code(
        "a parameter contradicts itself",
        "The default is not of the parameter's type, or it stands beside required: true, which says that there is none.",
        "Write a default of the type, or leave either default or required out.",
        "_rules/params.py",
    ),
    "J101": Code(
        "an expression is not valid",
        "What stands between {{ and }} cannot be read, or uses something that expressions do not have: statements, comments, "
        "methods. A key of a mapping is plain text.",
        "Correct the expression. What a statement would do is said by when, conditional and batch.",
        "_rules/expressions.py",
    ),
    "J102": Code(
        "a helper or test is unknown",
        "The expression uses a helper (as a function or behind |) or a test (behind is) that does not exist.",
        "Use one of the helpers that docs/jobs.md lists. checksum is known to run_key only.",
        "_rules/expressions.py",
    ),
    "J103": Code(
        "a text looks like an expression and has too few braces",
        "An expression stands between {{ and }}. With a brace missing at its beginning it is text, and goes where its value "
        "should.",
        "Write {{ before it. Where the text is meant as it stands, leave it: the job runs.",
        "_rules/braces.py",
        "warning",
    ),
    "J104": Code(
        "a helper or test is called with other arguments than it takes",
        "The helper needs an argument that is not given, or is given one that it does not know. Every record would fail by it.",
        "Give it the arguments that the message names; those in [ ] may be left out.",
        "_rules/expressions.py",
    ),
    "J201": Code(
        "an expression reads a step that does not exist",
        "No step has this id or save_as.",
        "Write the name as the hint says it.",
        "_rules/references.py",
    ),
    "J202": Code(
        "an expression reads a step that stands later",
        "Steps run in the order in which they stand; the result is not there yet.",
        "Move the step that is read before this one.",
        "_rules/references.py",
    ),
    "J203": Code(
        "an expression reads a field that the step's result does not have",
        "The result of the step type has other fields.",
        "Read one of the fields that the hint names.",
        "_rules/references.py",
    ),
    "J204": Code(
        "a connection is unknown, or is of another kind",
        "The step names a connection that is not under connections, one of a kind that the step cannot use, or none where "
        "several would do.",
        "Name a connection of the kind that the message asks for.",
        "_rules/connections.py",
    ),
    "J205": Code(
        "an expression reads a parameter that is not declared",
        "The name is not under params.",
        "Write the name as the hint says it, or declare the parameter.",
        "_rules/references.py",
    ),
    "J206": Code(
        "an expression reads a name that does not exist",
        "Expressions know params, steps, run, now and, inside a batch, its alias and idx. run_key knows params only.",
        "Write the name as the hint says it, or give the step a batch.",
        "_rules/references.py",
    ),
    "J207": Code(
        "a key column is not in the mapping",
        "A column of key, update_columns or newer_by gets no value, because the mapping does not have it.",
        "Add the column to the mapping, or write its name as the hint says it.",
        "../steps/db_upsert.py",
    ),
    "J208": Code(
        "a batch goes over something that is no list",
        "A batch needs a list of records; the field, or the parameter, is something else.",
        "Name a list, such as the rows of a csv.read or of a db.query_many.",
        "_rules/batches.py",
    ),
    "J209": Code(
        "results do not line up: another batch, or no index",
        "A step over a batch has one result for each record, and only a step over the same records can tell which one "
        "it means.",
        "Write steps.x[idx] in a step over the same batch.from; without [idx] for a step that has one result.",
        "_rules/alignment.py",
    ),
    "J210": Code(
        "steps over the same records ask for different chunk sizes",
        "Neighbouring steps over the same records take one chunk after another together.",
        "Write one size.",
        "_rules/batches.py",
    ),
    "J211": Code(
        "an expression reads a step of the other branch",
        "For a record only one branch of a conditional runs: the result of the other one is always null there.",
        "Read a step that stands before the conditional, or move the step that is read out of its branch.",
        "_rules/references.py",
    ),
    "J212": Code(
        "a setting has no effect",
        "The step type does not use the field here, so what it seems to promise would not happen.",
        "Leave it out. A database step is tried again by its state machine when a connection is lost or another "
        "writer is in the way.",
        "_rules/effects.py",
    ),
    "J213": Code(
        "a column is nearly one that csv.read names",
        "The file may have other columns than those under columns, so this need not be wrong; but the name is one letter away.",
        "Write the column as the hint says it, or add it to columns if it is another one.",
        "_rules/columns.py",
        "warning",
    ),
    "J214": Code(
        "a function does not exist",
        "No function of template.yaml has its code in this folder of functions/.",
        "Write the folder as the hint says it, or add the function to functions/ and template.yaml. An ARN names a function "
        "of somebody else.",
        "_rules/functions.py",
    ),
    "J215": Code(
        "a step that has no records would keep one aside",
        "on_error: dead_letter keeps aside the record whose step failed. A step without a batch goes over no records: when it "
        "fails, there is nothing that the run could go on with.",
        "Leave on_error out, or give the step a batch.",
        "_rules/dead_letters.py",
    ),
    "J216": Code(
        "a batch goes over records that are made in a branch",
        "Rows of a csv.read or a db.query_many are read in chunks, and the state machine names the step that made them. Behind "
        "a conditional it is not known whether that step ran, or which of two that share a save_as.",
        "Put a batch into each branch, or decide by an expression in one step: its path, its SQL.",
        "_rules/batches.py",
    ),
    "J217": Code(
        "a step cannot wait where it stands",
        "While store.wait waits nothing runs: its state machine looks, waits and looks again. An api.call that reads pages is "
        "gone back to in the same way. Neither can be for every record of a batch, nor while a transaction is open; and while "
        "one is, a call cannot have a rate below one a second, whose turns are waited for likewise.",
        "Put the step before the batch or the transaction; a pattern waits for all files that fit it, and a batch goes over "
        "the rows that pages give.",
        "_rules/waits.py",
    ),
    "J301": Code(
        "a transaction would need two databases",
        "A transaction lives on one connection; two databases cannot commit as one.",
        "Let the steps use one connection, or leave transaction out.",
        "_rules/transactions.py",
    ),
    "J302": Code(
        "a call stands inside the transaction and a later database step reads its answer",
        "Calls go behind the commit, so that a transaction that fails has called nobody; this one's answer is needed before.",
        "Move the call before the first database step, or write transaction.external: inline to call while the "
        "transaction is open.",
        "_rules/transactions.py",
    ),
    "J303": Code(
        "the transaction has no database step, or its connection is no database",
        "There is nothing that could commit.",
        "Name a database connection that steps use, or leave transaction out.",
        "_rules/transactions.py",
    ),
    "J304": Code(
        "SQL text holds an expression, or its places and its params differ",
        "Values are bound, never put into the text: what a record holds could otherwise become SQL. Transactions are begun and "
        "ended by Portl.",
        "Write :name in the SQL and give it a value under params.",
        "../steps/_sql.py",
    ),
    "J305": Code(
        "a step stands inside the transaction that cannot be there",
        "The step needs what only the open transaction knows, or would call somebody while it is open.",
        "Move the step before the first database step or behind the last, or give a call a conditional of its own.",
        "_rules/transactions.py",
    ),
    "J306": Code(
        "a call stands between database steps whose order matters",
        "Without a transaction a chunk's records pass the first database step before the call and the second one behind it, so "
        "records would not go one after another.",
        "Write a transaction with scope: chunk, or batch.size: 1.",
        "_rules/transactions.py",
    ),
    "J307": Code(
        "a file that a step names cannot be taken",
        "The file is not there, leads out of the job's folder, is not UTF-8, or has more than 256 KB. A file outside the "
        "folder would not be part of what is deployed.",
        "Put the file into the job's folder and name it by its path from there.",
        "_rules/steps.py",
    ),
    "J309": Code(
        "a record cannot be kept aside inside one transaction for all records",
        "transaction.scope: db promises all records or none. A record that is left out would break that promise.",
        "Leave on_error out, or write transaction.scope: chunk: each chunk then commits without the records kept aside.",
        "_rules/dead_letters.py",
    ),
    "J310": Code(
        "a transaction cannot be staged",
        "With staging the records of all chunks wait in a stage, and the commit makes rows of them set by set. That comes to "
        "the same as going record by record only for db.upsert and db.insert steps over the same records, each into a table "
        "of its own, none of which needs what another one wrote.",
        "Leave staging out, or write scope: chunk, which commits chunk by chunk.",
        "_rules/staging.py",
    ),
    "J401": Code(
        "this version cannot do that yet",
        "The field is part of the language and this version does not carry it out. Ignoring it would do something "
        "else than the "
        "job says.",
        "Leave it out.",
        "_rules/unsupported.py",
    ),
    "J501": Code(
        "a secret stands in the job as plain text",
        "Whatever a job holds is compiled into its state machine and committed with it, and everybody who may read "
        "either reads "
        "the secret. That holds for a loopback address too: the job is the same file on AWS.",
        'Write "${secret:name}" (or "${env:NAME}" for a whole address) in connections and headers: it is resolved inside the '
        "function that needs it and masked wherever it would be shown.",
        "_rules/secrets.py",
    ),
    "J502": Code(
        "a mark cannot be resolved",
        "In connections and headers ${env:NAME} and ${secret:name} stand for a value. Something else in ${ } would be sent as "
        "it stands.",
        "Write the mark as the hint says it.",
        "_rules/marks.py",
    ),
    "J503": Code(
        "a mark stands where it is not resolved",
        "${env:NAME} and ${secret:name} are resolved in connections and in headers. Elsewhere the text itself goes out, mark "
        "and all.",
        "Let a connection or a header carry the value, or bring it as a parameter of the job.",
        "_rules/marks.py",
        "warning",
    ),
    "J601": Code(
        "a trigger gives a parameter that the job does not declare",
        "The name is not under params of the job, so every run that the trigger starts would be refused.",
        "Write the name as the hint says it, or declare the parameter.",
        "_rules/triggers.py",
    ),
    "J602": Code(
        "a trigger leaves a required parameter out",
        "A run without the parameter is refused, and nobody is there to give it when an event starts the run.",
        "Give it under params of the trigger, out of the event or as a plain value, or declare a default.",
        "_rules/triggers.py",
    ),
    "J603": Code(
        "a schedule is none that EventBridge Scheduler takes",
        "A schedule is cron with six fields, a rate, or one moment, in a time zone by its IANA name. AWS would refuse the "
        "deployment.",
        "Write it as the hint has it.",
        "_rules/triggers.py",
    ),
    "J604": Code(
        "a pattern is none that EventBridge takes",
        "A pattern has the fields of the event, and for each a list of values or of comparisons. AWS would refuse the "
        "deployment.",
        "Write the comparison as the message names it; docs/triggers.md lists them.",
        "_rules/triggers.py",
    ),
    "J605": Code(
        "a job would start itself",
        "The step writes into the bucket that the trigger watches, under a name that could begin and end as the trigger "
        "says. The file would start the job again, and again, without an end. What a template makes may be any text.",
        "Write into a folder that the trigger's prefix leaves out, with the folder before the first {{ }}; or narrow the "
        "trigger by prefix or suffix.",
        "_rules/triggers.py",
    ),
    "J606": Code(
        "the file of an event is read as it is by now",
        "Between the event and the run somebody may put another file under the same name. The step would read that one, "
        "twice in the end, and the one of the event never.",
        "Take the version of the event as a parameter and write it beside the path. The bucket keeps versions when that is "
        "switched on; without versions write etag, and another content is an error.",
        "_rules/triggers.py",
        "warning",
    ),
}
"""Every code, in order."""
