"""What is where in the state folder, for the parts that meet in it."""

from __future__ import annotations

from pathlib import Path


def lists_folder(state: Path) -> Path:
    """Where the lists from outside are kept, and their sources."""
    return state / "lists"


def list_sources(state: Path) -> Path:
    """The admin's file that says where the lists come from and how often to look."""
    return lists_folder(state) / "sources.yaml"


def secrets_folder(state: Path) -> Path:
    """Where secrets are kept, a file each, readable by their owner alone."""
    return state / "secrets"


def identity_socket(state: Path) -> Path:
    """Where the identity process hears from the portal."""
    return state / "identity.sock"


def identity_heartbeat(state: Path) -> Path:
    """Written each second by the identity process: see `addon.identity.presence`."""
    return state / "status" / "identity"


def identity_wanted(state: Path) -> Path:
    """Is there while the policy in force has sources that have to be watched."""
    return state / "identity-wanted"


def logon_nonces(state: Path) -> Path:
    """The numbers used once by reports of logons, for some minutes."""
    return state / "logon-nonces"


def certificates_folder(state: Path) -> Path:
    """The public certificates of the authority's, for a portal that may not see its keys."""
    return state / "certificates"


def backups_folder(state: Path) -> Path:
    """Copies of the record and the certificates from before each upgrade."""
    return state / "backups"


def haproxy_folder(state: Path) -> Path:
    """HAProxy's configuration, tables and runtime socket."""
    return state / "haproxy"


def kept_policy_folder(state: Path) -> Path:
    """The copies of the policy that took effect last."""
    return state / "policy-in-force"


def bell_of(state: Path) -> Path:
    """The file whose touch makes every worker read the policy again."""
    return state / "read-policy-again"


def withdrawn_people(state: Path) -> Path:
    """Whose web access is withdrawn, as the record said last (`addon.kept_withdrawals`)."""
    return state / "withdrawn.json"


def kept_heads(state: Path) -> Path:
    """Where the record's heads are kept elsewhere, and when they got there."""
    return state / "kept-heads.json"


def newest_seal(state: Path) -> Path:
    """Which record was in use last, and its newest seal (`addon.kept_seal`)."""
    return state / "newest-seal.json"
