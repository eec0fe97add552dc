// After `npm ci`: makes dist/herald.js, so that `npx herald` works at once. An install without dev dependencies has no bundler.
try {
  await import("./build.mjs");
} catch (error) {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  process.stderr.write(
    "herald: not built, because the dev dependencies are not installed; run npm ci, then npm run build\n",
  );
}
