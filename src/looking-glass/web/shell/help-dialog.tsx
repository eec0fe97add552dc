import type { JSX } from "preact";
import type { Health } from "../../model.ts";
import { KEYS } from "../keyboard.ts";
import { Icon } from "../parts/icons.tsx";
import { HEALTHS, Mark } from "../parts/marks.tsx";
import { PAGES } from "../route.ts";
import { Modal } from "./modal.tsx";

const MEANINGS: Record<Health, string> = {
  bad: "does not hold: something has to be changed",
  doubtful: "holds in part, or is worth a look",
  unknown: "cannot be seen from here",
  good: "holds",
  quiet: "is not there, and is not meant to be",
};

/** The keys and the marks. */
export function HelpDialog({ close }: { readonly close: () => void }): JSX.Element {
  return (
    <Modal label="Keys" kind="help" close={close}>
      <header class="modal-head">
        <h2>Keys</h2>
        <button type="button" class="icon-button" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </header>
      <div class="help-columns">
        <dl class="keys">
          {PAGES.map(({ page, title, key }) => (
            <Key key={page} keys={["g", key]} words={title} />
          ))}
        </dl>
        <dl class="keys">
          {KEYS.map(({ keys, words }) => (
            <Key key={words} keys={keys} words={words} />
          ))}
        </dl>
      </div>
      <h2>Marks</h2>
      <ul class="meanings">
        {HEALTHS.map((health) => (
          <li key={health}>
            <Mark health={health} /> {MEANINGS[health]}
          </li>
        ))}
      </ul>
    </Modal>
  );
}

function Key({ keys, words }: { readonly keys: readonly string[]; readonly words: string }): JSX.Element {
  return (
    <div class="key">
      <dt>
        {keys.map((one) => (
          <kbd key={one}>{one}</kbd>
        ))}
      </dt>
      <dd>{words}</dd>
    </div>
  );
}
