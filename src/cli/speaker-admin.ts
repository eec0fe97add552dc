import { AdminRoutes } from "../speaker/admin-routes.ts";
import { AdminSocket, AdminSocketNotServed } from "../speaker/admin-socket.ts";
import { AdminViews } from "../speaker/admin-views.ts";
import type { Speaker } from "../speaker/speaker.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { version } from "./version.ts";

/** Lets people look into a speaker. One that cannot be looked into announces all the same: that is said, and it goes on. */
export async function serveAdmin(
  path: string | undefined,
  speaker: Pick<Speaker, "inspected">,
  log: Log,
): Promise<{ close(): void }> {
  if (path === undefined || path === "") return { close: () => {} };
  const sources = speaker.inspected();
  const socket = new AdminSocket({ clock: sources.clock, log }, new AdminRoutes(new AdminViews(sources), version()));
  try {
    await socket.listen(path);
  } catch (error) {
    if (!(error instanceof AdminSocketNotServed)) throw error;
    log.error("admin socket not served", errorFields(error));
  }
  return socket;
}
