/** One word: bare characters, escaped ones, and quoted stretches, in any mixture. */
const WORD = /(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/suy;
const PIECE = /\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gsu;

/**
 * Splits a command line into words the way containerlab does for `exec`: quotes and backslashes group, nothing else is special.
 * There is no shell behind it, so `|`, `>` and `$` are ordinary characters. Undefined when a quote stays open or nothing is left.
 */
export function splitWords(line: string): readonly string[] | undefined {
  const words: string[] = [];
  let rest = line.trim();
  while (rest !== "") {
    WORD.lastIndex = 0;
    const word = WORD.exec(rest)?.[0];
    if (word === undefined) return undefined;
    words.push(word.replace(PIECE, unquote));
    const after = rest.slice(word.length);
    if (after !== "" && !/^\s/.test(after)) return undefined;
    rest = after.trimStart();
  }
  return words.length === 0 ? undefined : words;
}

function unquote(_piece: string, escaped?: string, doubled?: string, single?: string): string {
  return escaped ?? doubled?.replace(/\\(.)/gsu, "$1") ?? single ?? "";
}
