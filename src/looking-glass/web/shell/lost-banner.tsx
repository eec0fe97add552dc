import type { JSX } from "preact";
import { formatDuration } from "../format.ts";
import { useConnection, useNow } from "../glass.ts";
import { Mark } from "../parts/marks.tsx";

/** Says that what is shown is no longer live, and since when. */
export function LostBanner(): JSX.Element {
  const { state, at } = useConnection();
  return <div aria-live="assertive">{state === "lost" && <Lost at={at} />}</div>;
}

function Lost({ at }: { readonly at: number }): JSX.Element {
  return (
    <div class="notice notice-bad lost">
      <Mark health="bad" label="lost" />
      <p>
        <strong>The connection to herald ui is lost</strong> since {new Date(at).toTimeString().slice(0, 8)}
        <LostFor at={at} />. What is shown is from then. It is tried again by itself.
      </p>
    </div>
  );
}

/** Counts on without being read out every second. */
function LostFor({ at }: { readonly at: number }): JSX.Element {
  const now = useNow(1000);
  return <span aria-hidden="true"> ({formatDuration(now - at)})</span>;
}
