"""Runs the tests that a policy carries with it."""

from dataclasses import dataclass

from rules.decision import Decision
from rules.policy import Policy
from rules.trials import Trial


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What the policy answered, and whether that is what the school expects."""

    trial: Trial
    decision: Decision
    passed: bool

    def __str__(self) -> str:
        """Write a failure as a fault is written: file, line, what came and what was expected."""
        trial, came = self.trial, "opens" if self.decision.allowed else "is refused"
        wanted = "should open" if self.trial.opens else "should be refused"
        outcome = "as expected" if self.passed else f"and {wanted} ({trial.why})"
        return (
            f"{trial.file}:{trial.line}: {trial.what} for {trial.who or 'nobody known'} on "
            f"{trial.when:%a %Y-%m-%d %H:%M} {came} {outcome}. {self.decision.reason}"
        )


def run_policy_tests(policy: Policy) -> tuple[TrialResult, ...]:
    """Ask the policy every question of its own tests, in their order."""
    results = []
    for trial in policy.trials:
        person = policy.people[trial.who] if trial.who is not None else None
        decision = policy.decide(trial.request, person, trial.when)
        results.append(TrialResult(trial, decision, decision.allowed is trial.opens))
    return tuple(results)
