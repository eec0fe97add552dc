import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Framer } from "../../src/bgp/framer.ts";
import { encodeControl } from "../../src/bgp/message/message.ts";
import { decodeNotification, formatNotification } from "../../src/bgp/message/notification.ts";
import { decodeOpen, formatOpen } from "../../src/bgp/message/open.ts";
import { decodeRouteRefresh } from "../../src/bgp/message/route-refresh.ts";
import { decodeUpdate, encodeUpdate, interpretUpdate } from "../../src/bgp/message/update.ts";
import { hex } from "../support/hex.ts";

const ROOT = join(import.meta.dirname, "../golden/bgp");

interface Decoded {
  /** The message as JSON. */
  readonly message: unknown;
  /** What our encoder makes of it. */
  readonly again: Uint8Array;
}

/** Everything captured came from sessions with four-octet AS numbers; the file name says whether internal, and with path identifiers. */
function decode(bytes: Uint8Array, name: string): Decoded {
  const [frame] = [...new Framer().push(bytes)];
  if (frame === undefined) throw new Error(`${name} is not a whole message`);
  switch (frame.kind) {
    case "open": {
      const open = decodeOpen(frame.body);
      return { message: { open, words: formatOpen(open) }, again: encodeControl({ type: "open", open }) };
    }
    case "notification": {
      const notification = decodeNotification(frame.body);
      const again = encodeControl({ type: "notification", notification });
      return { message: { notification, words: formatNotification(notification) }, again };
    }
    case "update": {
      const pathIds = name.includes("add-path") ? ([4, 6] as const) : [];
      const cx = {
        fourOctetAsn: true,
        internal: name.includes("ibgp"),
        addPathReceive: pathIds,
        addPathSend: pathIds,
      };
      const { reset, ...update } = decodeUpdate(frame.body, cx);
      const { endOfRib } = interpretUpdate({ ...update, reset });
      return { message: { ...update, endOfRib }, again: encodeUpdate(update, cx) };
    }
    case "keepalive":
      return { message: { kind: frame.kind }, again: encodeControl({ type: "keepalive" }) };
    case "routeRefresh": {
      const refresh = decodeRouteRefresh(frame.body);
      return { message: { refresh }, again: encodeControl({ type: "route-refresh", refresh }) };
    }
  }
}

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".hex"));

describe("bytes of other implementations", () => {
  it("has found them", () => {
    expect(files.length).toBeGreaterThanOrEqual(27);
  });

  it.each(files)("%s decodes to the JSON beside it", (file) => {
    const bytes = hex(readFileSync(join(ROOT, file), "utf8"));
    const { message, again } = decode(bytes, file);
    const got = { message: JSON.parse(JSON.stringify(message)), sameBytes: again.join() === bytes.join() };
    const path = join(ROOT, file.replace(/hex$/, "json"));
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, `${JSON.stringify(got, null, 2)}\n`);
    expect(got).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });

  it.each(files)("%s decodes to the same after our encoder wrote it", (file) => {
    const bytes = hex(readFileSync(join(ROOT, file), "utf8"));
    const first = decode(bytes, file);
    expect(decode(first.again, file).message).toEqual(first.message);
  });
});
