"""A policy that has passed its own tests: the only kind that takes effect.

A school writes down what its policy must answer. A policy that answers otherwise breaks a promise
the head teacher has signed, so it is as unusable as one that cannot be read.
"""

from collections.abc import Mapping
from pathlib import Path

from rules.days import prepare
from rules.faults import Fault, PolicyError
from rules.gathering import NO_COPIES
from rules.loading import SHIPPED_SITES, load_policy
from rules.policy import Policy
from rules.policy_tests import TrialResult, run_policy_tests

_REMEDY = "Put the rule right, or the test if the school has changed its mind."


def load_proven_policy(
    path: Path,
    sites: Path = SHIPPED_SITES,
    lists: Path | None = None,
    copies: Mapping[Path, Path] = NO_COPIES,
) -> Policy:
    """Load a policy as `load_policy` does, and let it pass its own tests.

    Raises PolicyError, and nothing else, with every fault or with every test that failed.
    """
    prepare()
    policy = load_policy(path, sites, lists, copies)
    failed = [result for result in run_policy_tests(policy) if not result.passed]
    if failed:
        raise PolicyError(
            (
                Fault(result.trial.file, result.trial.line, "tests", _what_came(result), _REMEDY)
                for result in failed
            ),
            policy.files,
        )
    return policy


def _what_came(result: TrialResult) -> str:
    """The result's own words, without the place, which the fault has of its own."""
    return str(result).partition(": ")[2]
