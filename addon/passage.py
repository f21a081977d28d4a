"""What a decided request's flow carries along, from its headers to its end."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from mitmproxy.http import HTTPFlow

from addon.block_page import Answer
from addon.sink import Count, Discard
from rules.sites import Site
from storage.events import Completion

_KEY = "schoolgate"


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that somebody opened: from which device, who, and on which site."""

    device: Hashable
    person: str | None
    site: Site


@dataclass(slots=True)
class Passage:
    """The number of its event, what has gone each way, and the answer if it was refused."""

    event: int | None
    up: Count | Discard = field(default_factory=Count)
    down: Count = field(default_factory=Count)
    answer: Answer | None = None
    completed: bool = False
    opened: Opened | None = None


def attach(flow: HTTPFlow, passage: Passage) -> None:
    """Ties a passage to its flow, and its counter to the request's body."""
    flow.metadata[_KEY] = passage
    flow.request.stream = passage.up


def passage_of(flow: HTTPFlow) -> Passage | None:
    """The flow's passage; none for an unrelated site."""
    passage = flow.metadata.get(_KEY)
    return passage if isinstance(passage, Passage) else None


def completion_of(flow: HTTPFlow, passage: Passage, now: datetime) -> Completion | None:
    """How a passage ended, once; nothing the second time, or where there is no event."""
    if passage.event is None or passage.completed:
        return None
    passage.completed = True
    return Completion(
        id=passage.event,
        status=flow.response.status_code if flow.response else None,
        bytes_up=passage.up.bytes,
        bytes_down=len(passage.answer.body) if passage.answer else passage.down.bytes,
        ended_at=now,
    )
