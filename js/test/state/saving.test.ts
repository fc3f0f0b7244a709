// The dashboard as one file: what this browser holds, put into the page that the server gives.
import "../support/screen.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ask } from "../../src/state/ask.ts";
import { savedPage } from "../../src/state/saving.ts";
import { Store } from "../../src/store/store.ts";
import { row } from "../support/rows.ts";

const HOSTILE = "</script><script>alert(1)</script>";

function store(): Store {
  const live = new Store();
  const sessions = ["old", "empty", "none", "new"].map((id, i) =>
    row("sessions", id, { updated_at: i, title: HOSTILE }),
  );
  live.apply({ rows: { sessions }, gone: {} });
  live.commit();
  return live;
}

/** A server whose sessions "old" and "new" have a transcript; "empty" has no entry, "none" no file. */
function server(transcripts = 20) {
  const asked: string[] = [];
  const ask = (async (method: string, params: { session: string; limit?: number; chars?: number }) => {
    if (method === "page") return { parts: ["<head>", "<tail>"], transcripts, entries: 7, chars: 9 };
    assert.deepEqual([params.limit, params.chars], [7, 9]);
    asked.push(params.session);
    if (params.session === "none") throw Object.assign(new Error("no transcript"), { code: "not_found" });
    return { entries: params.session === "empty" ? [] : [{ text: HOSTILE }], before: "1", after: "2" };
  }) as unknown as Ask;
  return { ask, asked };
}

const dataOf = (page: string) => JSON.parse(page.replace(/^<head>|<tail>$/g, ""));

test("it holds all rows and the newest conversations, and ends no element", async () => {
  const { ask } = server();
  const told: number[] = [];
  const page = await savedPage(ask, store(), (n) => told.push(n));
  assert.ok(!page.includes("</script"));
  const data = dataOf(page);
  const { sessions } = data.changes[0].rows;
  assert.deepEqual(
    sessions.map((session: { id: string }) => session.id),
    ["old", "empty", "none", "new"],
  );
  assert.equal(sessions[0].title, HOSTILE);
  assert.deepEqual(data.transcripts.new, { entries: [{ text: HOSTILE }], before: null, after: null });
  assert.deepEqual(
    [Object.keys(data.transcripts), told],
    [
      ["new", "old"],
      [1, 2],
    ],
  );
});

test("no more conversations are asked for than belong in it", async () => {
  const { ask, asked } = server(1);
  await savedPage(ask, store(), () => {});
  assert.deepEqual(asked, ["new"]);
});

test("a server that is lost on the way ends it: nothing is half saved", async () => {
  const ask = (async (method: string) => {
    if (method === "page") return { parts: ["", ""], transcripts: 20, entries: 7, chars: 9 };
    throw new Error("the connection to the server is lost");
  }) as unknown as Ask;
  await assert.rejects(
    savedPage(ask, store(), () => {}),
    /is lost/,
  );
});
