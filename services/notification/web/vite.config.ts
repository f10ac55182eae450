import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const backend = process.env.BACKEND ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Every asset is a file of its own: data: scripts and inlined fonts would need a looser
    // content security policy than the one the page is served with.
    assetsInlineLimit: 0,
    // The polyfill is an inline script in the built page; every browser we support preloads.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
    // For scripts/budget.mjs.
    manifest: true,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/v1": backend,
      "/openapi.json": backend,
      "/healthz": backend,
      "/connection": { target: backend, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
