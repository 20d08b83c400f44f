"""The proof: the job undisturbed, twice; then once for every crash point, recovered, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portl.errors import RunError
from portl_cli.engine import Execution
from portl_cli.prove._comparison import Difference, LeftOut, differences, left_out
from portl_cli.prove._points import Point, in_order, spread
from portl_cli.prove._stage import AGAIN, Stage, State


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What the job does when nobody disturbs it: its state after, its crash points, and what two such runs do not agree on."""

    state: State
    points: tuple[Point, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run that was crashed. ``happened`` is how it recovered, or what it failed with."""

    point: Point
    happened: str
    differences: tuple[Difference, ...]


class Proof:
    """A proof under way. ``rerun`` says that a second run with the same run_key follows each recovery, as a user would."""

    def __init__(self, stage: Stage, *, rerun: bool) -> None:
        self._stage, self.rerun = stage, rerun

    def undisturbed(self) -> Undisturbed:
        """Runs the job twice from the same beginning.

        Raises:
            RunError: R161, it fails; R162, what the two runs leave differs in more than single columns and parts of requests.
        """
        one, points = self._calmly()
        other, seen = self._calmly()
        apart = left_out(one, other)
        still = differences(one, other, apart)
        if still:
            text = f"two undisturbed runs of the job differ, so that nothing can be compared: {still[0]}"
            raise RunError(text, code="R162", hint="let the job do the same for the same input")
        return Undisturbed(one, tuple(point for point in points if point in set(seen)), apart)

    def _calmly(self) -> tuple[State, list[Point]]:
        self._stage.reset()
        ended = self._stage.run()
        if ended.status != "SUCCEEDED":
            text = f"the job fails even when nothing disturbs it: {self._why(ended)}"
            raise RunError(text, code="R161", hint="let it pass `portl run --demo` first")
        return self._stage.state(), in_order(self._stage.heard.reached)

    def crashes(self, calm: Undisturbed, most: int | None) -> Iterator[Outcome]:
        """Crashes the job at each point, or at ``most`` of them, evenly spread."""
        for point in spread(calm.points, most):
            yield self._crash(calm, point)

    def _crash(self, calm: Undisturbed, point: Point) -> Outcome:
        stage = self._stage
        stage.reset()
        stage.arm(point)
        ended = stage.run()  # the machine's own Retry does the Task again whose worker died
        if not stage.heard.died:
            stage.disarm()
            return Outcome(point, "not reached", (Difference("the run", "it did not come to this point again"),))
        happened = f"failed: {self._why(ended)}" if ended.status != "SUCCEEDED" else _how(stage)
        found = [] if self.rerun and ended.status != "SUCCEEDED" else differences(calm.state, stage.state(), calm.left_out)
        if self.rerun:
            found += self._differing_again(calm, found)
        return Outcome(point, happened, tuple(found))

    def _differing_again(self, calm: Undisturbed, known: list[Difference]) -> list[Difference]:
        ended = self._stage.run(AGAIN)
        if ended.status != "SUCCEEDED":
            return [Difference("the second run", f"it fails: {self._why(ended, AGAIN)}")]
        return [each for each in differences(calm.state, self._stage.state(), calm.left_out) if each not in known]

    def _why(self, ended: Execution, name: str = "run") -> str:
        return self._stage.error(name) or f"{ended.error}: {ended.cause}"


def _how(stage: Stage) -> str:
    return "answered as before" if stage.replayed() else "done again"
