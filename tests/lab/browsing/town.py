"""Look-alike sites: `python -m tests.lab.browsing.town --cert FILE --log FILE`.

A social network under X's names (feed, posts, uploads, messages, chat, video, a service worker), a
newspaper with links, embeds and prefetches, a game that means no good, and a page that listens.
Each page of the network tells that listener what was truly in view: when it was shown in a tab of
its own, and when it was hidden. The listener is an unrelated site to the gate, so telling it is
neither decided nor recorded.
"""

from __future__ import annotations

import argparse
import json
import signal
import ssl
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.support.origin import Handler, Origin

TRUTH = "truth.example"

_TELL = """
<script>
const me = Math.random().toString(36).slice(2);
const tell = what => navigator.sendBeacon('https://truth.example/' + what + '?me=' + me
    + '&at=' + Date.now() + '&host=' + location.host + '&path=' + location.pathname);
let shown = false;
const look = () => {
  const visible = document.visibilityState === 'visible' && top === self;
  if (visible && !shown) { shown = true; tell('shown'); }
  if (!visible && shown) { shown = false; tell('hidden'); }
};
addEventListener('pagehide', () => { if (shown) { shown = false; tell('hidden'); } });
addEventListener('pageshow', look);
document.addEventListener('visibilitychange', look);
look();
</script>
"""

_HEAD = "<!doctype html><html lang=en><link rel=icon href='data:,'>"

_NETWORK = {
    "/": """<title>Feed</title><h1>The feed</h1><a id=inside href=/post/1>A post</a>
        <a id=away href=https://news.example/front>The news</a>
        <img alt='' src=https://pbs.twimg.com/avatar.png>
        <div style='height:4000px'>scroll</div><div id=end></div>""",
    "/post/1": "<title>A post</title><h1>A post</h1><a id=inside href=/post/2>Another</a>",
    "/post/2": "<title>Another</title><h1>Another post</h1><a id=inside href=/>Feed</a>",
    "/polling": """<title>Polling</title><h1>Polling</h1>
        <script>setInterval(() => fetch('/poll?t=' + Date.now()), 700)</script>""",
    "/feed": """<title>Endless</title><h1>Endless</h1><div id=list style='height:3000px'></div>
        <script>let n = 0; addEventListener('scroll', () => { if (n < 5) {
        fetch('/more?after=' + n++).then(() => { const image = new Image();
        image.src = '/picture/' + n; document.body.append(image); }) } })</script>""",
    "/app": """<title>App</title><h1>App</h1><button id=next>Next</button><script>
        document.getElementById('next').onclick = () => { history.pushState(0, '', '/app/two');
        fetch('/i/api/view?two'); document.title = 'Two' }</script>""",
    "/write": """<title>Write</title><h1>Write</h1><script>
        var send = (path, host = '') => fetch(host + path,
          {method: 'POST', mode: host ? 'no-cors' : 'cors', body: 'x'.repeat(1000)});</script>""",
    "/sign-in": """<title>Sign in</title><form method=post action=/sessions>
        <button id=go>Sign in</button></form>""",
    "/chat": """<title>Chat</title><h1>Chat</h1><script>
        const socket = new WebSocket('wss://x.com/socket');
        socket.onopen = () => { socket.send('hello'); document.title = 'Open' }</script>""",
    "/worker": """<title>Worker</title><script>navigator.serviceWorker.register('/worker.js')
        .then(() => navigator.serviceWorker.ready).then(() => document.title = 'Ready')</script>""",
    "/video": """<title>Video</title><h1>Video</h1><video id=film muted src=/film.webm></video>
        <script>let n = 0; const timer = setInterval(() => { fetch('/segment/' + n++);
        if (n > 4) clearInterval(timer) }, 100); document.getElementById('film').play()
        .catch(() => 0)</script>""",
    "/download": "<title>Files</title><a id=file href=/file.bin download>Save</a>",
    "/print": "<title>Print</title><h1>A page to print</h1>",
    "/moves": """<title>Moves</title><script>setTimeout(() => location.href = '/post/1', 300)
        </script>""",
    "/before": """<title>Before</title><h1>Before</h1><a id=ready href=/post/2>Ready made</a>
        <script type=speculationrules>{"prerender": [{"source": "list", "urls": ["/post/2"],
        "eagerness": "immediate"}]}</script>""",
    "/unload": """<title>Leaving</title><h1>Leaving</h1><script>addEventListener('pagehide',
        () => navigator.sendBeacon('/i/jot', 'bye'))</script>""",
}
_WIDGETS = {
    "/widget": """<title>Widget</title><p id=in>A post, embedded</p>
        <a id=more target=_blank href=/post/1>More</a><script>
        fetch('/widget-data'); new Image().src = '/widget.png'</script>""",
    "/like": """<title>Like</title><button id=like onclick="fetch('/i/api/graphql/a/FavoriteTweet',
        {method: 'POST', body: '{}'})">Like</button>""",
}
_NEWS = {
    "/front": """<title>News</title><h1>News</h1><a id=link href=https://x.com/>We are on X</a>
        <a id=tab target=_blank href=https://x.com/post/1>In a new tab</a>
        <a id=short href=https://t.co/feed>By a short link</a>
        <a id=elsewhere href=https://t.co/news>A short link to another newspaper</a>
        <a id=login href=# onclick="open('https://x.com/sign-in', 'w', 'width=400')">Log in with
        X</a>""",
    "/embeds": """<title>An article</title><h1>An article</h1>
        <iframe src=https://x.com/widget></iframe>""",
    "/button": """<title>An article</title><h1>An article</h1>
        <iframe id=box src=https://x.com/like></iframe>""",
    "/pixel": """<title>An article</title><h1>An article</h1>
        <img alt='' src=https://t.co/i/adsct?p=1><script src=https://x.com/share.js></script>""",
    "/prefetches": """<title>An article</title><link rel=prefetch as=document
        href=https://x.com/post/1>""",
    "/moves": """<title>Moves</title><script>setTimeout(() => location.href = 'https://x.com/', 300)
        </script>""",
}
_MESSAGE = "https://x.com/i/api/1.1/dm/new2.json"
_TRICKS = f"""
const tricks = {{
  pop: () => window.open('https://x.com/'),
  under: () => {{ window.open('https://x.com/', 'w', 'width=300'); focus() }},
  many: () => [0, 1, 2].forEach(n => window.open('https://x.com/post/' + n)),
  two: () => {{ window.open('https://x.com/'); location = 'https://www.linkedin.com/jobs' }},
  search: () => window.open('https://x.com/search?q=rude'),
  go: () => location = 'https://x.com/',
  later: () => setTimeout(tricks.go, 2000),
  quiet: () => {{ fetch('{_MESSAGE}', {{method: 'POST', mode: 'no-cors', body: 'rude'}});
    navigator.sendBeacon('https://x.com/i/api/graphql/a/CreateTweet', 'rude');
    new Image().src = 'https://x.com/search?q=rude' }}
}};
for (const name in tricks) {{
  const button = document.createElement('button');
  button.id = name; button.onclick = tricks[name]; button.textContent = 'Play';
  document.body.append(button)
}}"""
_GAME = {
    "/play": f"""<title>A game</title><h1>A game</h1>
        <form method=post action={_MESSAGE}><button id=post>Play</button></form>
        <form method=post action={_MESSAGE} target=hidden><button id=within>Play</button></form>
        <iframe name=hidden hidden></iframe><a id=ping href=#played ping={_MESSAGE}>Play</a>
        <script>{_TRICKS}</script>""",
    "/over": """<title>A game</title><h1>A game</h1><iframe id=box src=https://x.com/widget
        style='opacity:0'></iframe>""",
    "/refresh": """<title>A game</title><meta http-equiv=refresh content='0;
        url=https://x.com/'>""",
}
_LEADS = {"/feed": "https://x.com/", "/news": "https://news.example/front"}
_WORKER = """self.addEventListener('install', e => self.skipWaiting());
self.addEventListener('activate', e => e.waitUntil(clients.claim()));
self.addEventListener('fetch', e => e.respondWith(fetch(e.request)));"""


class Town(Handler):
    """One connection to any of the sites; the Host says which."""

    log: Path
    one_at_a_time = threading.Lock()

    def do_GET(self) -> None:
        host, parts = self.headers.get("Host", ""), urlsplit(self.path)
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
        elif host == "t.co" and parts.path in _LEADS:
            self._lead(_LEADS[parts.path])
        elif host == "news.example":
            self._page(_NEWS.get(parts.path))
        elif host == "game.example":
            self._page(_GAME.get(parts.path))
        elif parts.path == "/worker.js":
            self._answer(_WORKER.encode(), "text/javascript")
        elif parts.path == "/file.bin":
            self._answer(b"x" * 1000, "application/octet-stream")
        elif parts.path in _WIDGETS:
            self._page(_WIDGETS[parts.path] + _TELL)
        else:
            page = _NETWORK.get(parts.path)
            self._page(page + _TELL if page else None)

    def do_POST(self) -> None:
        self._read_body()
        host, parts = self.headers.get("Host", ""), urlsplit(self.path)
        if host == TRUTH:
            told = {name: values[0] for name, values in parse_qs(parts.query).items()}
            line = json.dumps({**told, "what": parts.path[1:], "heard": time.time()})
            with self.one_at_a_time, self.log.open("a") as log:
                log.write(line + "\n")
        page = "<title>In</title><h1>Signed in</h1>" + _TELL
        self._page(page if parts.path == "/sessions" else None)

    def _page(self, page: str | None) -> None:
        text = f"{_HEAD}{page}" if page else "ok"
        self._answer(text.encode(), "text/html; charset=utf-8" if page else "text/plain")

    def _lead(self, to: str) -> None:
        self.send_response(301)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def main() -> None:
    """Serves port 443 of loopback until SIGTERM."""
    parser = argparse.ArgumentParser(prog="tests.lab.browsing.town", description=__doc__)
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    arguments = parser.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.cert)
    Town.log = arguments.log
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Origin(context, "127.0.0.1", 443, handler=Town):
        stop.wait()


if __name__ == "__main__":
    main()
