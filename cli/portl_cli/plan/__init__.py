"""What a run would do, shown and not done: the compiled machine is driven with effects that only take note."""

from portl_cli.plan._driver import Plan, PlanFailed, make_plan
from portl_cli.plan._text import plan_text

__all__ = ["Plan", "PlanFailed", "make_plan", "plan_text"]
