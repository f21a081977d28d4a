"""For bare mitmdump: the least an addon can do to block, with an answer as large as Schoolgate's.

`BENCH_PAGE` names a file that holds the answer's header lines, an empty line, and its body;
`BENCH_BLOCKED` the one host to block, if not all.
"""

import os
from pathlib import Path

from mitmproxy.http import Headers, HTTPFlow, Response

_head, _, _body = Path(os.environ["BENCH_PAGE"]).read_bytes().partition(b"\n\n")
_fields = [tuple(line.split(b": ", 1)) for line in _head.splitlines()]


_only = os.environ.get("BENCH_BLOCKED")


def request(flow: HTTPFlow) -> None:
    if _only and flow.request.pretty_host != _only:
        return
    flow.response = Response.make(403, _body, Headers(_fields))
