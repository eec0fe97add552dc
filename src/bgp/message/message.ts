import type { Notification } from "../error.ts";
import { encodeKeepalive } from "./keepalive.ts";
import { encodeNotification, formatNotification } from "./notification.ts";
import { encodeOpen, formatOpen, type Open } from "./open.ts";
import { encodeRouteRefresh, formatRouteRefresh, type RouteRefresh } from "./route-refresh.ts";

/** A message whose bytes do not depend on what the session negotiated: all but UPDATE. */
export type ControlMessage =
  | { readonly type: "open"; readonly open: Open }
  | { readonly type: "keepalive" }
  | { readonly type: "notification"; readonly notification: Notification }
  | { readonly type: "route-refresh"; readonly refresh: RouteRefresh };

export function encodeControl(message: ControlMessage): Uint8Array {
  switch (message.type) {
    case "open":
      return encodeOpen(message.open);
    case "keepalive":
      return encodeKeepalive();
    case "notification":
      return encodeNotification(message.notification);
    case "route-refresh":
      return encodeRouteRefresh(message.refresh);
  }
}

/** One line per message, for the trace log and the journal. */
export function formatControl(message: ControlMessage): string {
  switch (message.type) {
    case "open":
      return formatOpen(message.open);
    case "keepalive":
      return "KEEPALIVE";
    case "notification":
      return `NOTIFICATION ${formatNotification(message.notification)}`;
    case "route-refresh":
      return formatRouteRefresh(message.refresh);
  }
}
