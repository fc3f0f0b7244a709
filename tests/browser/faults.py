"""What a picture may hide: text cut without a sign, things beside the page, broken rules of accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

FAULTS = """() => {
  const root = document.querySelector("#agent-widget-page").shadowRoot?.querySelector(".root")
    ?? [...document.querySelectorAll("*")].find((element) => element.shadowRoot).shadowRoot.querySelector(".root");
  const faults = [];
  const clips = (style) => style.overflowX === "hidden" || style.overflowX === "clip";
  const titled = (element) => {
    for (let at = element; at && at !== root; at = at.parentElement) {
      if (at.title || at.getAttribute("aria-label")) return true;
    }
    return false;
  };
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the window");
  if (root.scrollWidth > root.clientWidth) faults.push("the dashboard is wider than its place");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (!text.data.trim()) continue;
    const own = text.parentElement;
    if (!own.checkVisibility({ visibilityProperty: true }) || own.closest("svg, select")) continue;
    if (own.offsetWidth <= 1 || own.closest(".visually-hidden")) continue; // for those who listen
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    for (let at = own; at && at !== root; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "auto" || style.overflowX === "scroll") break;
      if (!clips(style)) continue;
      const edge = at.getBoundingClientRect();
      if (box.right <= edge.right + 1 && box.left >= edge.left - 1) continue;
      const message = `${JSON.stringify(text.data.slice(0, 60))} in .${at.className}`;
      if (style.textOverflow !== "ellipsis") faults.push(`cut without a sign: ${message}`);
      else if (!titled(own)) faults.push(`cut, and nowhere whole: ${message}`);
      break;
    }
  }
  return [...new Set(faults)];
}"""

AUDIT = """async () => {
  const rules = { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] };
  const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"], elementRef: false });
  const described = (id, node) => `${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`;
  return violations.flatMap(({ id, nodes }) => nodes.slice(0, 4).map((node) => described(id, node)));
}"""


def faults(page: Page) -> list[Any]:
    """What is cut off or stands out, in words; nothing if all is well."""
    return list(page.evaluate(FAULTS))


def violations(page: Page) -> list[Any]:
    """The rules of WCAG 2 A and AA that this page breaks, as axe-core sees them; ``AXE`` is loaded into it."""
    return list(page.evaluate(AUDIT))
