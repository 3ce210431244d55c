import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { brotliCompressSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const WORKER = "service-worker";

/** Writes the names of all files of the build, and its digest, into the service worker. */
const precache: Plugin = {
  name: "precache",
  apply: "build",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      const built = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
      const files = JSON.stringify([...built, ...readdirSync("public")].sort().map((name) => `./${name}`));
      const build = createHash("sha256").update(files).digest("hex").slice(0, 16);
      for (const file of Object.values(bundle))
        if (file.type === "chunk" && file.name === WORKER) file.code = file.code.replaceAll("__FILES__", files).replaceAll("__BUILD__", JSON.stringify(build));
    },
  },
};

/** Writes a compressed copy (`.br`) beside each script and style; the service sends it to browsers that accept it. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (!/\.(js|css)$/.test(file.fileName)) continue;
        const source = brotliCompressSync(file.type === "chunk" ? file.code : file.source);
        this.emitFile({ type: "asset", fileName: `${file.fileName}.br`, source });
      }
    },
  },
};

export default defineConfig({
  plugins: [svelte(), precache, compressed],
  base: "./",
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows files of our own origin, not data: addresses
    // the first page names its scripts; a page that loads later is one plain import, which can be tried again
    modulePreload: { polyfill: false, resolveDependencies: (_file, scripts, { hostType }) => (hostType === "html" ? scripts : []) },
    cssCodeSplit: false,
    chunkSizeWarningLimit: 450,
    rollupOptions: {
      input: { main: "index.html", [WORKER]: "src/offline/service-worker.ts" },
      output: { entryFileNames: (chunk) => (chunk.name === WORKER ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
  server: { proxy: { "/api": process.env["TWINWARD_URL"] ?? "http://127.0.0.1:8080" } },
});
