import { parseArgs } from "node:util";
import { readPageFiles } from "../../src/looking-glass/page-files.ts";
import { shippedUiFolder } from "../../src/system/assets.ts";
import { Fixture } from "./fixture.ts";

// The looking glass on a made-up cluster, for whoever works on its pages.
const { values } = parseArgs({
  options: {
    big: { type: "boolean", default: false },
    nodes: { type: "string", default: "3" },
    port: { type: "string", default: "0" },
    /** Changes in a second. */
    churn: { type: "string", default: "0" },
    "without-api": { type: "boolean", default: false },
  },
});
const folder = shippedUiFolder();
const fixture = await new Fixture({
  services: values.big ? 10_000 : 0,
  nodes: Number(values.nodes),
  port: Number(values.port),
  pages: folder === undefined ? [] : readPageFiles(folder),
  withoutApi: values["without-api"],
}).start();
fixture.churn(Number(values.churn));
process.stdout.write(`${fixture.url}\n`);
process.once("SIGINT", () => void fixture.stop().then(() => process.exit(0)));
process.once("SIGTERM", () => void fixture.stop().then(() => process.exit(0)));
