"""The scenes of the table. X opens for the person who plays them, Facebook does not."""

from __future__ import annotations

import time

from tests.lab.browsing.scenario import Scenario
from tests.lab.browsing.stage import Stage
from tests.lab.browsing.steered import Tab

X = "https://x.com"
NEWS = "https://news.example"
OKHTTP = ("--header", "User-Agent: okhttp/4.12.0", "--header", "Accept: application/json")


def _at(stage: Stage, url: str) -> Tab:
    tab = stage.browser.tab()
    tab.type(url)
    return tab


def typed(stage: Stage) -> None:
    _at(stage, f"{X}/")


def link(stage: Stage) -> None:
    tab = _at(stage, f"{NEWS}/front")
    tab.click("#link")
    tab.arrives(f"{X}/")


def inside(stage: Stage) -> None:
    tab = _at(stage, f"{X}/")
    tab.click("#inside")
    tab.arrives(f"{X}/post/1")


def bookmark(stage: Stage) -> None:
    stage.browser.tab().bookmark(f"{X}/post/1")


def reload(stage: Stage) -> None:
    _at(stage, f"{X}/").reload()


def back(stage: Stage) -> None:
    tab = _at(stage, f"{X}/")
    tab.click("#inside")
    tab.arrives(f"{X}/post/1")
    time.sleep(0.7)  # as quick as people are
    tab.back()


def new_tab(stage: Stage) -> None:
    _at(stage, f"{NEWS}/front").opens("#tab")


def restored(stage: Stage) -> None:
    for path in ("/", "/post/1", "/post/2"):
        _at(stage, X + path)
        time.sleep(0.6)
    time.sleep(3)  # until the browser has saved its session
    stage.restart_browser()
    time.sleep(2)


def prefetch(stage: Stage) -> None:
    for _ in range(3):  # a hint, which a busy browser may pass over
        _at(stage, f"{NEWS}/prefetches")
        time.sleep(1)


def prerender(stage: Stage) -> None:
    _at(stage, f"{X}/before")
    time.sleep(1)


def prerender_used(stage: Stage) -> None:
    tab = _at(stage, f"{X}/before")
    time.sleep(1)
    tab.click("#ready")
    tab.arrives(f"{X}/post/2")


def frame(stage: Stage) -> None:
    _at(stage, f"{NEWS}/embeds")


def like_seen(stage: Stage) -> None:
    _at(stage, f"{NEWS}/button")


def like_clicked(stage: Stage) -> None:
    _at(stage, f"{NEWS}/button").click("#like", frame="#box")


def pixel(stage: Stage) -> None:
    _at(stage, f"{NEWS}/pixel")


def log_in_with(stage: Stage) -> None:
    _at(stage, f"{NEWS}/front").opens("#login")


def sign_in(stage: Stage) -> None:
    tab = _at(stage, f"{X}/sign-in")
    tab.click("#go")
    tab.arrives(f"{X}/sessions")


def single_page(stage: Stage) -> None:
    tab = _at(stage, f"{X}/app")
    tab.click("#next")
    tab.arrives(f"{X}/app/two")


def scroll(stage: Stage) -> None:
    tab = _at(stage, f"{X}/feed")
    for step in range(6):
        tab.wheel(300)
        time.sleep(0.1 + step / 20)


def _send(stage: Stage, *call: str) -> None:
    _at(stage, f"{X}/write").script("await send(...arguments)", *call)


def post(stage: Stage) -> None:
    _send(stage, "/i/api/graphql/a1/CreateTweet")


def upload(stage: Stage) -> None:
    _send(stage, "/2/media/upload", "https://api.x.com")


def message(stage: Stage) -> None:
    _send(stage, "/i/api/1.1/dm/new2.json")


def react(stage: Stage) -> None:
    _send(stage, "/i/api/graphql/a1/FavoriteTweet")


def search(stage: Stage) -> None:
    _at(stage, f"{X}/search?q=school")


def chat(stage: Stage) -> None:
    _at(stage, f"{X}/chat").until("document.title == 'Open'")


def polling(stage: Stage) -> None:
    _at(stage, f"{X}/polling")
    time.sleep(4)
    stage.browser.clear()


def service_worker(stage: Stage) -> None:
    tab = _at(stage, f"{X}/worker")
    tab.until("document.title == 'Ready'")
    tab.type(f"{X}/post/1")
    tab.script("await (await navigator.serviceWorker.getRegistration()).unregister()")


def video(stage: Stage) -> None:
    _at(stage, f"{X}/video")
    time.sleep(1)


def short_link(stage: Stage) -> None:
    tab = _at(stage, f"{NEWS}/front")
    tab.click("#short")
    tab.arrives(f"{X}/")


def short_link_elsewhere(stage: Stage) -> None:
    _at(stage, f"{NEWS}/front").click("#elsewhere")
    time.sleep(2.5)  # the writer's next round


def download(stage: Stage) -> None:
    _at(stage, f"{X}/download").save("#file")


def printed(stage: Stage) -> None:
    _at(stage, f"{X}/print").print()


def moves_itself(stage: Stage) -> None:
    stage.browser.tab().type(f"{NEWS}/moves", leads_to=f"{X}/")


def leaving(stage: Stage) -> None:
    _at(stage, f"{X}/unload").leave()


def blocked(stage: Stage) -> None:
    _at(stage, "https://www.facebook.com/").reload()


def blocked_app(stage: Stage) -> None:
    for _ in range(5):
        stage.curl(*OKHTTP, "https://www.facebook.com/api/feed")


CHROMIUM, FIREFOX = ("Chromium",), ("Firefox",)
BOTH = CHROMIUM + FIREFOX
NO_PRERENDER = {"Firefox": "Firefox prerenders nothing"}

SCENARIOS = (
    Scenario("a typed address", typed, 1, also=("background",), quick=CHROMIUM),
    Scenario("a link on a newspaper's page", link, 1, quick=BOTH),
    Scenario("a link inside the site", inside, 2, quick=CHROMIUM),
    Scenario("a bookmark", bookmark, 1),
    Scenario("reload", reload, 2),
    Scenario("back", back, 3),
    Scenario("a link into a new tab", new_tab, 1),
    Scenario("a prefetch", prefetch, also=("prefetch",), quick=CHROMIUM),
    Scenario("a prerender that nobody used", prerender, 1, also=("prefetch",),
             cannot=NO_PRERENDER),
    Scenario("a prerender that was used", prerender_used, 1, also=("prefetch",),
             cannot=NO_PRERENDER),
    Scenario("a post in another page's frame", frame, also=("embed",), quick=BOTH),
    Scenario("a like button, seen", like_seen, also=("embed",)),
    Scenario("a like button, clicked", like_clicked, actions=1, also=("embed",), quick=CHROMIUM),
    Scenario("a share button's script and pixel", pixel, also=("embed",), quick=CHROMIUM),
    Scenario("log in with", log_in_with, 1),
    Scenario("a sign-in form", sign_in, 1, 1, not_by_hand=1),
    Scenario("moving within a single page", single_page, 1, also=("background",), quick=CHROMIUM),
    Scenario("endless scrolling", scroll, 1, also=("background",)),
    Scenario("a post", post, 1, 1, quick=CHROMIUM),
    Scenario("an upload", upload, 1, 1),
    Scenario("a message", message, 1, 1),
    Scenario("a like", react, 1, 1),
    Scenario("a search", search, 1, unseen=1),
    Scenario("a chat over a WebSocket", chat, 1, also=("background",), quick=CHROMIUM),
    Scenario("a page that polls", polling, 1, also=("background",)),
    Scenario("a video", video, 1, also=("background",)),
    Scenario("a short link to the site", short_link, 1, also=("background",), quick=CHROMIUM),
    Scenario("a short link to elsewhere", short_link_elsewhere, 1),
    # Firefox asks for a file as for a page; it is taken back when the answer turns out to be one.
    Scenario("a download", download, 1, also=("unknown",),
             differs={"Firefox": {"navigations": 2, "also": ()}}, quick=FIREFOX),
    Scenario("a page printed", printed, 1),
    Scenario("a page that leads there by itself", moves_itself, also=("background",),
             not_by_hand=1, quick=CHROMIUM),
    Scenario("a page that says goodbye", leaving, 1, also=("background",)),
    Scenario("a refused page, asked for again", blocked, 2, unseen=2, rows=2, quick=CHROMIUM),
    Scenario("an app that asks again and again, refused", blocked_app, also=("app",), rows=1,
             quick=CHROMIUM),
    Scenario("a service worker", service_worker, 1, also=("unknown",), quick=FIREFOX),
    # Firefox brings back only the tab that was in front until somebody looks at another.
    Scenario("a session brought back", restored, 4, also=("background",), not_by_hand=3,
             differs={"Firefox": {"navigations": 3, "not_by_hand": 1}}),
)  # fmt: skip
