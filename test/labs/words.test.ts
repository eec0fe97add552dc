import fc from "fast-check";
import { expect, test } from "vitest";
import { splitWords } from "../../labs/runner/words.ts";

test.each([
  ["plain words", "ip  addr\tadd x", ["ip", "addr", "add", "x"]],
  ["double quotes group", 'sh -c "a b" c', ["sh", "-c", "a b", "c"]],
  ["single quotes keep backslashes", "a '\\n' b", ["a", "\\n", "b"]],
  ["a backslash keeps the next character", 'a\\ b \\"', ["a b", '"']],
  ["an escaped quote inside quotes", '"a\\"b"', ['a"b']],
  ["quotes inside a word", 'x"y z"w', ["xy zw"]],
  ["an empty word", "a ''", ["a", ""]],
  ["a shell's characters are ordinary", "a | b > $c; d", ["a", "|", "b", ">", "$c;", "d"]],
  ["nothing", "", undefined],
  ["blanks", "  ", undefined],
  ["an open double quote", 'a "b', undefined],
  ["an open single quote", "a 'b", undefined],
  ["an open quote after a closed one", "'a'\"b", undefined],
  ["a backslash at the end", "a \\", undefined],
])("splitWords: %s", (_name, line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test("splitWords undoes quoting, whatever the words", () => {
  const quote = (word: string): string => `'${word.replaceAll("'", `'"'"'`)}'`;
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
      expect(splitWords(words.map(quote).join(" "))).toEqual(words);
    }),
  );
});
