import { hashOf, PAGES } from "./route.ts";

/** What a key does beside going to a page. */
export type Command = "search" | "help" | "theme" | "pause";

/** After `g`, so long for the second key. */
const CHORD = 1200;

/** Listens to the keys of the whole page, but for those pressed where somebody writes. */
export function listenToKeys(window: Window, run: (command: Command) => void): () => void {
  let chordUntil = 0;
  const pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    if (window.document.querySelector("dialog[open]") !== null) return;
    const chord = event.timeStamp < chordUntil;
    chordUntil = event.key === "g" ? event.timeStamp + CHORD : 0;
    const page = chord ? PAGES.find(({ key }) => key === event.key) : undefined;
    if (page !== undefined) {
      window.location.hash = hashOf(page.page);
      return;
    }
    const command = COMMANDS[event.key];
    if (command === undefined) {
      row(window, event);
      return;
    }
    event.preventDefault();
    run(command);
  };
  window.addEventListener("keydown", pressed);
  return () => window.removeEventListener("keydown", pressed);
}

const COMMANDS: Readonly<Record<string, Command>> = { "/": "search", "?": "help", d: "theme", p: "pause" };

function row(window: Window, { key }: KeyboardEvent): void {
  const step = key === "j" ? 1 : key === "k" ? -1 : 0;
  if (step !== 0) window.dispatchEvent(new CustomEvent("herald-row", { detail: step }));
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, select, textarea, [contenteditable]") !== null;
}

/** The keys, as the help shows them. */
export const KEYS: readonly { readonly keys: readonly string[]; readonly words: string }[] = [
  { keys: ["/"], words: "Search Services, addresses, sessions, pools" },
  { keys: ["j", "k"], words: "Next and previous row" },
  { keys: ["Enter"], words: "Open what has the focus" },
  { keys: ["p"], words: "Pause and resume the journal" },
  { keys: ["d"], words: "Light, dark, or as the system" },
  { keys: ["Esc"], words: "Close, or leave a field" },
  { keys: ["?"], words: "These keys" },
];
