import type { FsmEvent } from "./fsm-values.ts";
import { CEASE, ERROR_CODE } from "./iana.ts";
import { notificationSlug } from "./message/notification.ts";

/**
 * Why an established session ended, as one of a bounded number of words: whatever a peer sends cannot make more of them. A
 * NOTIFICATION is named as the registries name it: `received-cease-administrative-shutdown`.
 */
export function flapReason(event: FsmEvent): string {
  switch (event.type) {
    case "timer-expired":
      return `${event.timer}-timer`;
    case "closed":
      return "connection-lost";
    case "stopped":
      return "stopped";
    case "superseded":
      return "peer-restarted";
    case "collision-lost":
      return "collision";
    case "notification-received":
      return `received-${notificationSlug(event.notification)}`;
    case "fault-found": {
      const { code, subcode } = event.notification;
      // RFC 9384: the subcode says who found the peer dead.
      if (code === ERROR_CODE.cease && subcode === CEASE.bfdDown) return "bfd-down";
      return `sent-${notificationSlug(event.notification)}`;
    }
    case "started":
    case "connected":
    case "dial-failed":
    case "open-received":
    case "keepalive-received":
    case "update-received":
    case "route-refresh-received":
    case "send-progressed":
      return "unexpected-message";
  }
}
