/** What the API server takes for a name: one DNS label (RFC 1123), or several with dots between them. */
export type NameRule = "label" | "subdomain";

const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
const LABEL_MAX = 63;
const SUBDOMAIN_MAX = 253;

/** What is wrong with the name, in words. */
export function nameProblem(name: string, rule: NameRule): string | undefined {
  if (rule === "label") {
    if (name.length <= LABEL_MAX && LABEL.test(name)) return undefined;
    return `must be at most ${LABEL_MAX} of a-z, 0-9 and "-", and begin and end with a letter or digit, not "${name}"`;
  }
  if (name.length <= SUBDOMAIN_MAX && name.split(".").every((part) => LABEL.test(part))) return undefined;
  return `must be at most ${SUBDOMAIN_MAX} of a-z, 0-9, "-" and ".", and begin and end with a letter or digit between dots, not "${name}"`;
}
