import { type AfiSafi, formatAfiSafi } from "../family.ts";
import { CAPABILITY } from "../iana.ts";
import { type CapabilitySpec, readAll } from "./spec.ts";

/** RFC 4724 section 3, with the N bit of RFC 8538 section 2. */
export interface GracefulRestart {
  /** The R bit: the sender has restarted and waits for no End-of-RIB of its peer that waits for its own. */
  readonly restarted: boolean;
  /** The N bit: routes are kept through a NOTIFICATION too. */
  readonly notification: boolean;
  /** Seconds, at most 4095. */
  readonly restartTime: number;
  /** `preserved` is the F bit: packets of that family were forwarded during the restart. */
  readonly families: readonly (AfiSafi & { readonly preserved: boolean })[];
}

const RESTARTED = 0x8000;
const NOTIFICATION = 0x4000;
const RESTART_TIME = 0x0fff;
const PRESERVED = 0x80;

/** Of several the last one counts (RFC 4724 section 3). */
export const gracefulRestart: CapabilitySpec<GracefulRestart> = {
  code: CAPABILITY.gracefulRestart,
  onMalformed: "keep",
  decode(r) {
    const head = r.u16();
    return {
      restarted: (head & RESTARTED) !== 0,
      notification: (head & NOTIFICATION) !== 0,
      restartTime: head & RESTART_TIME,
      families: readAll(r, (one) => ({ afi: one.u16(), safi: one.u8(), preserved: (one.u8() & PRESERVED) !== 0 })),
    };
  },
  encode: ({ restarted, notification, restartTime, families }) => [
    (w) => {
      w.u16((restarted ? RESTARTED : 0) | (notification ? NOTIFICATION : 0) | Math.min(restartTime, RESTART_TIME));
      for (const { afi, safi, preserved } of families) {
        w.u16(afi)
          .u8(safi)
          .u8(preserved ? PRESERVED : 0);
      }
    },
  ],
  format({ restarted, notification, restartTime, families }) {
    const flags = `${restarted ? " restarted" : ""}${notification ? " notification" : ""}`;
    return `graceful-restart ${restartTime} s${flags}${families.map(formatFamily).join("")}`;
  },
};

/** One family of RFC 9494 section 3: for how many seconds stale routes may be kept, at most 24 bits of them. */
export interface LongLivedFamily extends AfiSafi {
  readonly preserved: boolean;
  readonly staleTime: number;
}

const STALE_TIME = 0xffffff;

/** Of several the last one counts, as for graceful restart. */
export const longLivedGracefulRestart: CapabilitySpec<readonly LongLivedFamily[]> = {
  code: CAPABILITY.longLivedGracefulRestart,
  onMalformed: "keep",
  decode: (r) =>
    readAll(r, (one) => ({
      afi: one.u16(),
      safi: one.u8(),
      preserved: (one.u8() & PRESERVED) !== 0,
      staleTime: (one.u8() << 16) | one.u16(),
    })),
  encode: (values) => [
    (w) => {
      for (const { afi, safi, preserved, staleTime } of values) {
        const time = Math.min(staleTime, STALE_TIME);
        w.u16(afi)
          .u8(safi)
          .u8(preserved ? PRESERVED : 0)
          .u8(time >>> 16)
          .u16(time & 0xffff);
      }
    },
  ],
  format: (values) =>
    `long-lived-graceful-restart${values.map((value) => `${formatFamily(value)} ${value.staleTime} s`).join("")}`,
};

function formatFamily(value: AfiSafi & { readonly preserved: boolean }): string {
  return ` ${formatAfiSafi(value)}${value.preserved ? ":preserved" : ""}`;
}
