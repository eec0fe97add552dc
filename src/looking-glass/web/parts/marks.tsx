import type { ComponentChildren, JSX } from "preact";
import type { Verdict } from "../../../inspection/explain/finding.ts";
import type { Health } from "../../model.ts";

const WORDS: Record<Health, string> = {
  good: "good",
  doubtful: "worth a look",
  bad: "bad",
  unknown: "not known",
  quiet: "not meant to be",
};

/** Every state has a shape of its own: colour alone tells nobody anything. */
const SHAPES: Record<Health, ComponentChildren> = {
  good: (
    <>
      <circle cx="8" cy="8" r="7" class="mark-fill" />
      <path d="m4.8 8.3 2.2 2.2 4.3-4.6" class="mark-line" />
    </>
  ),
  doubtful: (
    <>
      <path d="M8 1.2 15.4 14.2H.6Z" class="mark-fill" stroke-linejoin="round" />
      <path d="M8 5.8v4M8 12v.1" class="mark-line" />
    </>
  ),
  bad: (
    <>
      <path d="M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5Z" class="mark-fill" />
      <path d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" class="mark-line" />
    </>
  ),
  unknown: (
    <>
      <path d="M8 .6 15.4 8 8 15.4.6 8Z" class="mark-fill" />
      <path d="M6.2 6.3c.2-2.1 3.6-2 3.5 0C9.6 7.6 8 7.6 8 9.1M8 11.4v.1" class="mark-line" />
    </>
  ),
  quiet: (
    <>
      <circle cx="8" cy="8" r="6.2" class="mark-ring" />
      <path d="M5.2 8h5.6" class="mark-dash" />
    </>
  ),
};

/** How something is, as a shape with a colour. Without `label` it says the word for itself. */
export function Mark({ health, label }: { readonly health: Health; readonly label?: string }): JSX.Element {
  return (
    <svg class={`mark mark-${health}`} viewBox="0 0 16 16" role="img" aria-label={label ?? WORDS[health]}>
      {SHAPES[health]}
    </svg>
  );
}

/** The verdicts of an explanation look like the health they mean. */
export const HEALTH_OF: Record<Verdict, Health> = {
  yes: "good",
  no: "bad",
  doubt: "doubtful",
  unknown: "unknown",
  quiet: "quiet",
};

/** How many are how, as one bar. */
export function Breakdown({ counts }: { readonly counts: Readonly<Record<Health, number>> }): JSX.Element {
  const parts = HEALTHS.filter((health) => counts[health] > 0);
  const label = parts.map((health) => `${counts[health]} ${WORDS[health]}`).join(", ");
  return (
    <span class="breakdown" role="img" aria-label={label}>
      {parts.map((health) => (
        <span key={health} class={`breakdown-part fill-${health}`} style={{ flexGrow: `${counts[health]}` }} />
      ))}
    </span>
  );
}

export const HEALTHS: readonly Health[] = ["bad", "doubtful", "unknown", "good", "quiet"];
