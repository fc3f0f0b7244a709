"""What a picture may hide: text that is cut or over other text, half rows, things beside the page, rules of WCAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

FAULTS = r"""() => {
  const root = document.querySelector("#agent-widget-page").shadowRoot?.querySelector(".root")
    ?? [...document.querySelectorAll("*")].find((element) => element.shadowRoot).shadowRoot.querySelector(".root");
  const faults = [];
  const clips = (style) => style.overflowX === "hidden" || style.overflowX === "clip";
  // As many lines as there is room for; the last ends with an ellipsis.
  const clamped = (style) => style.webkitLineClamp !== "none";
  const titled = (element) => {
    for (let at = element; at && at !== root; at = at.parentElement) {
      if (at.title || at.getAttribute("aria-label")) return true;
    }
    return false;
  };
  // The part of a box that no ancestor cuts off or scrolls out of sight.
  const inSight = (element, { left, top, right, bottom }) => {
    for (let at = element; at && at !== root; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "visible" && style.overflowY === "visible") continue;
      const edge = at.getBoundingClientRect();
      [left, top] = [Math.max(left, edge.left), Math.max(top, edge.top)];
      [right, bottom] = [Math.min(right, edge.right), Math.min(bottom, edge.bottom)];
    }
    return { left, top, right, bottom };
  };
  // Whether what lies over an element at a point is a ground that hides it: a head over its rows, a dialog.
  const isHidden = (element, over, x, y) => {
    const stack = root.getRootNode().elementsFromPoint(x, y);
    const [lower, upper] = [stack.indexOf(element), stack.indexOf(over)];
    if (lower < 0 || upper < 0) return true; // one of them is out of reach
    return stack.slice(0, Math.max(lower, upper)).some((one) => {
      const ground = getComputedStyle(one).backgroundColor;
      const [, alpha = 1] = /[,/] ?([\d.]+)\)$/.exec(ground.startsWith("rgb(") ? "" : ground) ?? [];
      return alpha > 0.9 && !(one.contains(element) && one.contains(over));
    });
  };
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page is wider than the window");
  if (root.scrollWidth > root.clientWidth) faults.push("the dashboard is wider than its place");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  const texts = [];
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    if (!text.data.trim()) continue;
    const own = text.parentElement;
    if (!own.checkVisibility({ visibilityProperty: true }) || own.closest("svg, select")) continue;
    if (own.offsetWidth <= 1 || own.closest(".visually-hidden")) continue; // for those who listen
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    texts.push({ own, text: text.data.trim().slice(0, 60), box: inSight(own, box) });
    for (let at = own; at && at !== root; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.overflowX === "auto" || style.overflowX === "scroll") break;
      if (!clips(style)) continue;
      const edge = at.getBoundingClientRect();
      if (clamped(style)) break;
      if (box.right <= edge.right + 1 && box.left >= edge.left - 1) continue;
      const message = `${JSON.stringify(text.data.slice(0, 60))} in .${at.className}`;
      if (style.textOverflow !== "ellipsis") faults.push(`cut without a sign: ${message}`);
      else if (!titled(own)) faults.push(`cut, and nowhere whole: ${message}`);
      break;
    }
  }
  texts.sort((a, b) => a.box.top - b.box.top);
  for (const [i, one] of texts.entries()) {
    for (let j = i + 1; j < texts.length && texts[j].box.top < one.box.bottom; j++) {
      const two = texts[j];
      if (one.own === two.own || one.own.contains(two.own) || two.own.contains(one.own)) continue;
      const [left, right] = [Math.max(one.box.left, two.box.left), Math.min(one.box.right, two.box.right)];
      const [top, bottom] = [Math.max(one.box.top, two.box.top), Math.min(one.box.bottom, two.box.bottom)];
      // The boxes of two lines touch; their letters do not.
      if (right - left < 3 || bottom - top < 6) continue;
      if (isHidden(one.own, two.own, (left + right) / 2, (top + bottom) / 2)) continue;
      faults.push(`over each other: ${JSON.stringify(one.text)} and ${JSON.stringify(two.text)}`);
    }
  }
  for (const row of root.querySelectorAll("[role=row], .overview-row, .lane")) {
    const list = row.closest(".grid-scroller, .overview-list, .lanes-body");
    if (list?.scrollTop === 0) {
      const edge = list.getBoundingClientRect().top + list.clientTop + list.clientHeight;
      const { top, bottom } = row.getBoundingClientRect();
      const parted = top < edge - 2 && bottom > edge + 2;
      if (parted) faults.push(`half a row: ${JSON.stringify(row.textContent.slice(0, 60))}`);
    }
  }
  return [...new Set(faults)];
}"""

SCROLLED = """() => {
  const shadow = [...document.querySelectorAll("*")].find((element) => element.shadowRoot).shadowRoot;
  const root = shadow.querySelector(".root");
  const faults = [];
  const named = (element) => `.${String(element.className).trim().replaceAll(" ", ".")}`;
  const seen = (element) => element.checkVisibility({ visibilityProperty: true });
  const every = [...root.querySelectorAll("*")].filter((element) => !element.closest("svg") && seen(element));
  const scrolls = (element) => {
    const style = getComputedStyle(element);
    return /auto|scroll/.test(style.overflowY) && element.scrollHeight > element.clientHeight + 1;
  };
  const bars = every.filter((element) => scrolls(element) && getComputedStyle(element).scrollbarWidth !== "none");
  for (const inner of bars) {
    const outer = bars.find((other) => other !== inner && other.contains(inner));
    // Of a narrow overview, which scrolls as one, the lanes keep their own: there may be hundreds.
    if (!outer || inner.matches(".overview .lanes-body")) continue;
    faults.push(`${named(inner)} scrolls in ${named(outer)}, which scrolls too`);
  }
  for (const element of every) {
    const { overflowX, borderBottomWidth } = getComputedStyle(element);
    if (!/auto|scroll/.test(overflowX) || element.closest("pre, .markdown, table, .board")) continue;
    const bar = element.offsetHeight - element.clientHeight - element.clientTop - parseFloat(borderBottomWidth);
    if (bar > 0 && element.scrollWidth > element.clientWidth) faults.push(`${named(element)} has a bar at its foot`);
  }
  const edges = (element) => {
    const { left, width } = element.getBoundingClientRect();
    return [Math.round(left), Math.round(width)].join();
  };
  for (const grid of root.querySelectorAll(".grid-scroller")) {
    const cells = (row) => (row ? [...row.children].filter((cell) => seen(cell)) : []);
    const heads = cells(grid.querySelector(".grid-head"));
    const row = [...grid.querySelectorAll(".grid-body [role=row]")].find((row) => row.children.length === heads.length);
    cells(row).forEach((cell, i) => {
      const [head, own] = [edges(heads[i]), edges(cell)];
      if (head !== own) faults.push(`head ${heads[i].innerText} stands at ${head}, its cells at ${own}`);
    });
  }
  const times = [...root.querySelectorAll(".lanes-times, .lanes-brush-field, .lanes canvas")];
  const drawn = times.filter(seen).map(edges);
  if (new Set(drawn).size > 1) faults.push(`axis, strips and lanes stand apart: ${drawn.join(" ")}`);
  for (const element of root.querySelectorAll("button, select, input")) {
    if (!seen(element) || element.disabled || element.closest("[inert]")) continue;
    const box = element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    let inside = x > 0 && y > 0 && x < innerWidth && y < innerHeight && box.width > 2;
    for (let at = element.parentElement; inside && at && at !== root; at = at.parentElement) {
      if (getComputedStyle(at).overflow === "visible") continue;
      const edge = at.getBoundingClientRect();
      inside = x > edge.left && x < edge.left + at.clientWidth && y > edge.top && y < edge.top + at.clientHeight;
    }
    if (!inside) continue; // scrolled away
    const hit = shadow.elementFromPoint(x, y);
    const over = hit?.closest(".details, [role=dialog], .waiting"); // it is to lie over what is under it
    let stands = hit;
    while (stands && getComputedStyle(stands).position !== "sticky") stands = stands.parentElement;
    const under = stands && !stands.contains(element) && stands.parentElement.contains(element);
    if (hit && !element.contains(hit) && !hit.contains(element) && (!over || over.contains(element)) && !under) {
      faults.push(`${named(element)} (${element.innerText || element.ariaLabel}) is covered by ${named(hit)}`);
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


def scroll_faults(page: Page) -> list[Any]:
    """What scroll bars that take room do wrong: bars in bars, heads beside their columns, buttons that are covered."""
    return list(page.evaluate(SCROLLED))


def violations(page: Page) -> list[Any]:
    """The rules of WCAG 2 A and AA that this page breaks, as axe-core sees them; ``AXE`` is loaded into it."""
    return list(page.evaluate(AUDIT))
