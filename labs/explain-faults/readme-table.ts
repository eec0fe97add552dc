import type { Fault } from "./fault.ts";
import type { Named } from "./verdict.ts";

/** One line of the README's table: what was planted, and what was said of it. What differs from run to run is left out. */
export function tableRow({ name: planted }: Fault, { name, object, field, change }: Named): string {
  const where = [object, field].filter((part) => part !== "").join(" ");
  return `| ${[planted, `\`${name}\``, where, steady(change)].join(" | ")} |`;
}

function steady(text: string): string {
  const plain = text
    .replace(/[0-9a-f]{2}(:[0-9a-f]{2}){5}/g, "MAC")
    .replace(/^herald: /, "")
    .replace(/\s+/g, " ");
  return plain.replaceAll("|", "\\|");
}
