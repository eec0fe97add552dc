/** What RFC 7606 asks of us, mildest first; the strongest verdict of a message wins (section 3 (h)). */
export const VERDICTS = ["accept", "discard-attribute", "treat-as-withdraw", "reset-session"] as const;

export type Verdict = (typeof VERDICTS)[number];

export function stronger(a: Verdict, b: Verdict): Verdict {
  return VERDICTS.indexOf(a) >= VERDICTS.indexOf(b) ? a : b;
}
