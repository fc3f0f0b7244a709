// Build the one bundle: `node build.mjs` writes it where the Python package serves it from,
// `node build.mjs --out FILE` writes it elsewhere. The same sources give the same bytes.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

/** A style sheet becomes its minified text. */
const cssText = {
  name: "css-text",
  setup(setup) {
    setup.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), {
        loader: "css",
        minify: true,
        target: "chrome123",
      });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const { values } = parseArgs({
  options: { out: { type: "string", default: join(here, "../agent_widget/static/widget.js") } },
});
const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/widget.tsx"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  charset: "utf8",
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [cssText],
  write: false,
});
const [{ contents, text }] = result.outputFiles;
if (text.includes("</script")) throw new Error("the bundle holds '</script': it could not be inlined in a page");
await writeFile(values.out, contents);
console.log(`${values.out}: ${contents.length} bytes, ${gzipSync(contents, { level: 9 }).length} gzipped`);
