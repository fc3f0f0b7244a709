// Run the tests: each test file is bundled as it would be for a browser, then given to Node's own test runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = mkdtempSync(join(tmpdir(), "agent-widget-test-"));
try {
  await build({
    absWorkingDir: here,
    entryPoints: readdirSync(here, { recursive: true }).filter((name) => name.endsWith(".test.ts")),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "es2022",
    outdir,
    outExtension: { ".js": ".mjs" },
    sourcemap: "inline",
    loader: { ".css": "text" },
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  const files = readdirSync(outdir, { recursive: true })
    .filter((name) => name.endsWith(".mjs"))
    .map((name) => join(outdir, name));
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
  process.exitCode = status ?? 1;
} finally {
  rmSync(outdir, { recursive: true });
}
