import { type Micros, micros, seconds } from "../net/micros.ts";

/**
 * The Echo function of one session that is up (RFC 5880 section 6.4). Whether a neighbour sends echo packets back shows only when one
 * comes: until then they go out as a question once a second, and their loss means nothing.
 */
export interface Echo {
  /** The number of the last one sent. */
  readonly sequence: number;
  /** How many were sent since the newest that came back. */
  readonly unanswered: number;
  /** One came back: from now on their loss is a failure. */
  readonly proven: boolean;
  /** When the next is due; undefined for at once. */
  readonly transmitAt: Micros | undefined;
}

/** What both ends agree on: how fast, and how many may get lost in a row. */
export interface EchoTerms {
  readonly interval: Micros;
  readonly multiplier: number;
}

/** Nothing sent yet. */
export const NO_ECHO: Echo = { sequence: 0, unanswered: 0, proven: false, transmitAt: undefined };

const QUESTION: Micros = seconds(1);
/** RFC 5880 section 6.8.9: an interval may be shortened by a quarter, and by no more. */
const JITTER = 0.25;

/** One came back. Numbers that are not on their way are nobody's, or came twice. */
export function echoReturned(echo: Echo, sequence: number): Echo {
  const lost = echo.sequence - sequence;
  if (lost < 0 || lost >= echo.unanswered) return echo;
  return { ...echo, unanswered: lost, proven: true, transmitAt: echo.proven ? echo.transmitAt : undefined };
}

/**
 * Whether too many are lost by now (RFC 5880 section 6.8.5). It is packets that count and not time, and the last one has had an
 * interval to come back: a sender that was held up does not take that for the neighbour's failure.
 */
export function isEchoLost({ proven, unanswered, transmitAt }: Echo, { multiplier }: EchoTerms, now: Micros): boolean {
  return proven && unanswered >= multiplier && transmitAt !== undefined && now >= transmitAt;
}

/** The next one, when it is due. */
export function stepEcho(
  echo: Echo,
  terms: EchoTerms,
  { now, chance }: { readonly now: Micros; readonly chance: number },
): { readonly echo: Echo; readonly sends: boolean } {
  // What has failed waits for `step` to say so.
  const failed = isEchoLost(echo, terms, now);
  if (failed || (echo.transmitAt !== undefined && now < echo.transmitAt)) return { echo, sends: false };
  const interval = echo.proven ? terms.interval : Math.max(terms.interval, QUESTION);
  const transmitAt = micros(now + interval * (1 - JITTER * chance));
  return {
    echo: { ...echo, sequence: echo.sequence + 1, unanswered: echo.unanswered + 1, transmitAt },
    sends: true,
  };
}
