"""What a service of ours may not do, in systemd's words (systemd.exec(5)).

`systemd-analyze security` gives each of them points; a test holds the long-running ones to 2.5.
"""

from __future__ import annotations

from collections.abc import Sequence

_ALL = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables={tunables}
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
UMask=0077
"""

_UNPRIVILEGED = """\
ProtectProc=invisible
RemoveIPC=yes
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=setrlimit prlimit64 setpriority
"""


def for_root(*capabilities: str) -> str:
    """The walls around a short task that root does, with these capabilities and no others."""
    return (
        f"CapabilityBoundingSet={' '.join(capabilities)}\n"
        + _ALL.format(tunables="no")
        + "MemoryDenyWriteExecute=yes\nSystemCallFilter=@system-service\n"
    )


def for_service(
    user: str,
    *capabilities: str,
    writes: Sequence[object] = (),
    hides: Sequence[object] = (),
    compiles: bool = False,
) -> str:
    """The walls around a service that runs as `user`, with these capabilities if any.

    Without one it lives in a user namespace too, in which even root would be nobody. `writes` are
    the folders that it may write to, `hides` those that are not there for it; one that `compiles`
    makes machine code as it goes.
    """
    lines = [f"User={user}", f"Group={user}", f"CapabilityBoundingSet={' '.join(capabilities)}"]
    if capabilities:
        lines.append(f"AmbientCapabilities={' '.join(capabilities)}")
    else:
        lines.append("PrivateUsers=yes")
    lines += [f"ReadWritePaths={folder}" for folder in writes]
    lines += [f"InaccessiblePaths=-{folder}" for folder in hides]
    lines += [] if compiles else ["MemoryDenyWriteExecute=yes"]
    return "\n".join(lines) + "\n" + _ALL.format(tunables="yes") + _UNPRIVILEGED
