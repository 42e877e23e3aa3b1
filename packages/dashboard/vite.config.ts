import { defineConfig } from 'vite';

/** A node beside which `npm run dev -w packages/dashboard` serves the page while it is being written. */
const NODE = 'http://127.0.0.1:8080';

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The pages use what came with `light-dark()`: browsers since the middle of 2024.
    target: 'es2023',
    // The node sends a policy that allows no inline script, and every browser of that age knows modulepreload.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // MQTT.js is one prebuilt file of 340 kB, and loads after the page has drawn.
    chunkSizeWarningLimit: 400,
    // Of the protocol package the pages use the topic syntax; without this its tables come along.
    rolldownOptions: { treeshake: { moduleSideEffects: [{ test: /packages\/protocol\//, sideEffects: false }] } },
  },
  server: { proxy: { '/mqtt': { target: NODE, ws: true }, '/api': NODE } },
});
