import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Finding, Verdict } from "../../../inspection/explain/finding.ts";
import { formatObject } from "../format.ts";
import { Icon } from "./icons.tsx";
import { HEALTH_OF, Mark } from "./marks.tsx";
import { ObjectRef } from "./words.tsx";

const SAID: Record<Verdict, string> = {
  yes: "holds",
  no: "does not hold",
  doubt: "worth a look",
  unknown: "cannot be known",
  quiet: "not meant to be",
};

/** More branches of one kind than this are folded where all of them hold. */
const FOLD = 4;

/** The chain from the Service to whoever asks for its address, as a tree. */
export function ExplainTree({ findings }: { readonly findings: readonly Finding[] }): JSX.Element {
  return <Branches findings={findings} depth={0} />;
}

function Branches({ findings, depth }: { readonly findings: readonly Finding[]; readonly depth: number }): JSX.Element {
  const [all, setAll] = useState(false);
  const dull = depth > 0 && findings.length > FOLD ? findings.filter(isDull) : [];
  const folded = all || dull.length < FOLD ? [] : dull;
  const shown = folded.length === 0 ? findings : findings.filter((finding) => !isDull(finding));
  return (
    <ul class={`tree tree-${depth === 0 ? "root" : "below"}`}>
      {shown.map((finding) => (
        <Branch key={keyOf(finding)} finding={finding} depth={depth} />
      ))}
      {folded.length > 0 && (
        <li class="branch">
          <button type="button" class="fold" aria-expanded={false} onClick={() => setAll(true)}>
            <Mark health={HEALTH_OF[folded[0]?.verdict ?? "yes"]} label="" /> {folded.length} more as they should be
          </button>
        </li>
      )}
    </ul>
  );
}

function Branch({ finding, depth }: { readonly finding: Finding; readonly depth: number }): JSX.Element {
  const { step, verdict, basis, object, field, words, below, cause } = finding;
  const [open, setOpen] = useState<boolean>();
  const isOpen = open ?? (depth === 0 || verdict !== "yes" || below.length <= FOLD);
  return (
    <li class={`branch branch-${verdict}`}>
      <div class="finding">
        <Mark health={HEALTH_OF[verdict]} label={SAID[verdict]} />
        <span class="finding-step">{step}</span>
        <div class="finding-body">
          <p>
            {basis === "observed" && <span class="seen">seen</span>}
            {words} <ObjectRef object={object} field={field} />
          </p>
          {cause !== undefined && verdict !== "yes" && verdict !== "quiet" && (
            <p class="remedy">
              <Icon name="arrow" />
              <span>{cause.change}</span>
            </p>
          )}
        </div>
        {below.length > 0 && (
          <button
            type="button"
            class={`icon-button twist ${isOpen ? "twist-open" : ""}`}
            aria-expanded={isOpen}
            aria-label={`${below.length} below ${step}${object === undefined ? "" : ` of ${formatObject(object)}`}`}
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name="chevron" />
          </button>
        )}
      </div>
      {below.length > 0 && isOpen && <Branches findings={below} depth={depth + 1} />}
    </li>
  );
}

/** It holds, or is not meant to, and so does all below it. */
function isDull({ verdict, below }: Finding): boolean {
  return (verdict === "yes" || verdict === "quiet") && below.every(isDull);
}

function keyOf({ step, object, words }: Finding): string {
  return `${step} ${object === undefined ? "" : formatObject(object)} ${words}`;
}
