// Builds the page into dist/, beside dist/networks, which tools/viewer_networks.py writes first.
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const dist = join(here, "dist");
const runtimes = {
  "ort-wasm-simd-threaded.mjs": "onnxruntime-web/dist",
  "ort-wasm-simd-threaded.wasm": "onnxruntime-web/dist",
  "zxing_reader.wasm": "zxing-wasm/dist/reader",
};

/** The first visit keeps larger files when the page asks for them; it does not wait for them. */
const mostBytesAtOnce = 1 << 21;

function empty() {
  if (!existsSync(join(dist, "networks", "models.json"))) {
    throw new Error("dist/networks is missing: run `make viewer` in the folder above");
  }
  for (const name of readdirSync(dist)) {
    if (name !== "networks") rmSync(join(dist, name), { recursive: true });
  }
}

async function bundle(entryPoints, format, define = {}) {
  await build({
    entryPoints,
    define,
    bundle: true,
    format,
    minify: true,
    target: "es2022",
    conditions: ["onnxruntime-web-use-extern-wasm"],
    legalComments: "linked",
    outdir: dist,
    entryNames: "[name]",
    absWorkingDir: here,
    logLevel: "warning",
  });
}

/** The Content-Security-Policy in the page's head. */
function policy() {
  const page = readFileSync(join(here, "static", "index.html"), "utf8");
  return page.match(/"Content-Security-Policy" content="([^"]+)"/)[1];
}

/** Hash of each file's content, and whether the service worker keeps it at once. */
function inventory() {
  const files = {};
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    const name = relative(dist, path).replaceAll("\\", "/");
    files[name] = {
      hash: createHash("sha256").update(content).digest("hex"),
      atOnce: content.length <= mostBytesAtOnce,
    };
  }
  return files;
}

empty();
cpSync(join(here, "static"), dist, { recursive: true });
for (const [name, folder] of Object.entries(runtimes)) {
  cpSync(join(here, "node_modules", folder, name), join(dist, "runtimes", name));
}
await bundle(["src/page/main.ts", "src/decoder/worker.ts"], "esm");
// Not all browsers take modules as service workers.
await bundle(["src/service-worker/service-worker.ts"], "iife", {
  FILES: JSON.stringify(inventory()),
  POLICY: JSON.stringify(policy()),
});
