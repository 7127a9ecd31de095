/** Builds the page into gateway/page, each file also as .gz and .br; `npm run dev` serves it beside a gateway. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const BUILT = "../gateway/page";
const GATEWAY = process.env["AUTERITY_GATEWAY"] ?? "http://127.0.0.1:8080";
const SMALL = 1024; // bytes that are not worth compressing

function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(BUILT, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg|webmanifest)$/.test(name)) continue;
        const file = join(BUILT, name);
        const content = readFileSync(file);
        if (content.length < SMALL) continue;
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
        writeFileSync(`${file}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwind(), compressed()],
  build: {
    outDir: BUILT,
    emptyOutDir: true,
    assetsInlineLimit: 0, // the content security policy permits no data: scripts or styles
    modulePreload: { polyfill: false },
    target: ["chrome123", "firefox128", "safari17.5"], // the first with light-dark()
  },
  // The gateway gives its cookie to its own origin only.
  server: { proxy: { "/api": { target: GATEWAY, ws: true, changeOrigin: true, headers: { origin: GATEWAY } } } },
});
