"""The checks of pictures themselves: each fault is found, and what only looks like one is not."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.faults import faults

pytestmark = pytest.mark.slow

LINE = "white-space: nowrap; overflow: hidden; width: 60px;"
ROWS = "".join(f'<div role="row" style="height: 28px">row {n}</div>' for n in range(9))

FAULTY = {
    "cut without a sign": f'<div style="{LINE}">longer than there is room for</div>',
    "cut, and nowhere whole": f'<div style="{LINE} text-overflow: ellipsis">longer than there is room for</div>',
    "over each other": '<p style="margin: 0">one text</p><p style="margin: -18px 0 0">another</p>',
    "half a row": f'<div class="grid-scroller" style="height: 70px; overflow-y: auto">{ROWS}</div>',
    "wider than its place": '<div style="width: 3000px">.</div>',
}

SOUND = {
    "whole": "<p>a text</p><p>another</p>",
    "with its title": f'<div title="whole" style="{LINE} text-overflow: ellipsis">longer than there is room</div>',
    "as many lines as fit": '<div style="display: -webkit-box; overflow: hidden; width: 40px;'
    ' -webkit-box-orient: vertical; -webkit-line-clamp: 2">one two three four five six</div>',
    "a head over rows": '<p style="margin: 0">a row</p>'
    '<p style="margin: -18px 0 0; background: white; position: relative">the head</p>',
    "whole rows": f'<div class="grid-scroller" style="height: 84px; overflow-y: auto">{ROWS}</div>',
}

PAGE = """<div id="agent-widget-page"></div><script>
document.querySelector("#agent-widget-page").attachShadow({ mode: "open" }).innerHTML = %r;
</script>"""


def shown(chrome: BrowserContext, content: str) -> list[str]:
    page = chrome.new_page()
    page.set_content(PAGE % f'<div class="root" style="width: 800px; font: 14px/18px sans-serif">{content}</div>')
    found = faults(page)
    page.close()
    return found


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_is_found(chrome: BrowserContext, fault: str) -> None:
    found = shown(chrome, FAULTY[fault])
    assert found and any(fault in one for one in found)


@pytest.mark.parametrize("look", SOUND)
def test_what_is_sound_is_no_fault(chrome: BrowserContext, look: str) -> None:
    assert shown(chrome, SOUND[look]) == []
