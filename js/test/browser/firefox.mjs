// The page in a stock Firefox, driven over WebDriver BiDi. `tests/browser/test_firefox.py` runs it, says in
// FIREFOX_TEST what to open, and gives the check of the layout that the tests in Chromium use.
import assert from "node:assert/strict";
import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";

/** `address` of the page, `firefox` to start, `bus` file of the team's messages, `faults` of a layout, `gallery`. */
const { address, firefox, bus, faults, gallery } = JSON.parse(process.env.FIREFOX_TEST);
const VIEWS = ["Overview", "Agents", "Messages", "Tasks", "Sessions", "Usage", "Quality", "Memory", "Logs", "Tools"];
const WAIT_MS = 30_000;
const problems = [];
let browser;
let page;

/** In the page: the dashboard's own elements. */
const IN_ROOT = `const root = document.querySelector("#agent-widget-page").shadowRoot.querySelector(".root");`;

/** Wait until an expression over `root` is true. */
const until = (expression, timeout = WAIT_MS) =>
  page.waitForFunction(`(() => { ${IN_ROOT} return ${expression}; })()`, { timeout }).catch((cause) => {
    throw new Error(`never true: ${expression}`, { cause });
  });
const value = (expression) => page.evaluate(`(() => { ${IN_ROOT} return ${expression}; })()`);

/** Click where a person would: on the middle of the first element, which must not be covered. */
async function click(selector) {
  const element = await page.waitForSelector(`>>> ${selector}`, { visible: true, timeout: WAIT_MS });
  await element.click();
}

async function open(view) {
  await click(`#aw-tab-${view.toLowerCase()}`);
  await until(
    `root.querySelector("[role=tabpanel]").getAttribute("aria-labelledby") === "aw-tab-${view.toLowerCase()}"`,
  );
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
}

const rows = `[...root.querySelectorAll(".grid-body [role=row]")]`;
const shown = `root.querySelector(".toolbar-end .figures").innerText`;

before(async () => {
  await mkdir(gallery, { recursive: true });
  browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: firefox,
    headless: true,
    // As most desktops have it: scroll bars take room.
    extraPrefsFirefox: { "widget.gtk.overlay-scrollbars.enabled": false },
  });
  page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.setViewport({ width: 1000, height: 700 });
  await page.goto(address);
});

after(() => browser?.close());

test("the page is live, and the token is gone from the address", async () => {
  await until(`root.querySelector(".state strong").innerText === "live"`);
  assert.ok(!page.url().includes("token"));
});

test("a change comes to the page", async () => {
  await open("Messages");
  const at = new Date().toISOString();
  const message = { message_id: "msg-firefox", from_agent: "agent-orchestrator", timestamp: at, read_by: [] };
  await appendFile(bus, `${JSON.stringify({ ...message, type: "broadcast", payload: "said to Firefox" })}\n`);
  await until(`${rows}.some((row) => row.innerText.includes("said to Firefox"))`);
});

test("search narrows the table, and keys reach it", async () => {
  const every = await value(shown);
  await page.keyboard.press("/");
  await page.keyboard.type("said to Firefox");
  await until(`${shown}.startsWith("1 of ")`);
  await page.keyboard.press("Escape");
  await until(`${shown} === ${JSON.stringify(every)}`);
});

test("a filter keeps the rows with its value", async () => {
  await open("Tasks");
  await click(".chip");
  await until(`${shown}.includes(" of ")`);
  const kept = await value(`root.querySelector(".chip[aria-pressed=true] .chip-count").innerText`);
  assert.equal(await value(`${shown}.split(" of ")[0]`), kept);
  await click(".chip[aria-pressed=true]");
  await until(`!${shown}.includes(" of ")`);
});

test("a row opens its details, and Escape closes them", async () => {
  await click(".grid-body [role=row]");
  await until(`root.querySelector("[role=complementary], aside") !== null`);
  await page.keyboard.press("Escape");
  await until(`root.querySelector("[role=complementary], aside") === null`);
});

test("history shows the past, and comes back", async () => {
  await page.keyboard.press("t");
  await until(`root.querySelector("[role=slider]") !== null`);
  await page.keyboard.press("Home");
  await until(`root.querySelector(".state strong").innerText === "past"`);
  await page.keyboard.press("t");
  await until(`root.querySelector(".state strong").innerText === "live"`);
});

for (const [width, height] of [
  [1000, 700],
  [420, 800],
])
  test(`no view hides anything at ${width} px, with scroll bars that take room`, async () => {
    await page.setViewport({ width, height });
    const found = {};
    for (const view of VIEWS) {
      await open(view);
      if (["Overview", "Tasks"].includes(view)) {
        await page.screenshot({ path: join(gallery, `firefox-${view.toLowerCase()}-${width}.png`) });
      }
      const list = await page.evaluate(`(${faults})()`);
      if (list.length > 0) found[view] = list;
    }
    assert.deepEqual(found, {});
  });

test("there was no error on the console", () => assert.deepEqual(problems, []));
