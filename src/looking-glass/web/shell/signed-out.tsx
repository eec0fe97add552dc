import type { JSX } from "preact";
import { Mark } from "../parts/marks.tsx";

/** Where the token is missing, or of a server that is gone. */
export function SignedOut(): JSX.Element {
  return (
    <main class="signed-out">
      <div class="card">
        <h1>
          <Mark health="unknown" label="signed out" /> This page has no access
        </h1>
        <p>
          <code>herald ui</code> prints a URL with a token that is good as long as it runs. Open that URL; or start{" "}
          <code>herald ui</code> again.
        </p>
      </div>
    </main>
  );
}
