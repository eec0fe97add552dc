/** A metric that a query reads. */
export interface Read {
  readonly metric: string;
  readonly labels: readonly string[];
}

const KEYWORDS = [
  "and",
  "or",
  "unless",
  "bool",
  "offset",
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
];
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;

/** What a query reads, as far as the alerts and the dashboard use the language. Labels are those it selects by. */
export function readsOf(query: string): readonly Read[] {
  const text = withoutStrings(query)
    .replace(GROUPING, " ")
    .replace(/\[[^\]]*\]/g, " ");
  return [...text.matchAll(/([a-zA-Z_:][\w:]*)\s*(\(|\{([^}]*)\})?/g)].flatMap(
    ([, metric = "", follows, matchers = ""]) =>
      follows === "(" || KEYWORDS.includes(metric)
        ? []
        : [{ metric, labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label) }],
  );
}

/** Labels that a query groups or joins by. */
export function groupedBy(query: string): readonly string[] {
  return [...withoutStrings(query).matchAll(GROUPING)].flatMap(([, labels = ""]) =>
    labels
      .split(",")
      .map((label) => label.trim())
      .filter((label) => label !== ""),
  );
}

function withoutStrings(query: string): string {
  return query.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}
