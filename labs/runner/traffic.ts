import type { Lab } from "./lab.ts";
import type { Vip } from "./service-address.ts";

/** Rules and routes settle at their own pace, and the machine may be busy. */
const PATIENCE = 20_000;

/** What a pod said: its name, and who it thinks asked. */
export interface PodAnswer {
  readonly pod: string;
  readonly client: string;
}

/** The answers of pod servers in what curl printed; anything else is left out. */
export function parseAnswers(lines: readonly string[]): readonly PodAnswer[] {
  return lines.flatMap((line) => {
    const [, pod, client] = /^pod=(\S+) client=(\S+)$/.exec(line) ?? [];
    return pod === undefined || client === undefined ? [] : [{ pod, client }];
  });
}

/** Asks from a node, each time on a new connection, again and again until every request of one round is answered. */
export async function answersFrom(lab: Lab, node: string, vip: Vip, times: number): Promise<readonly PodAnswer[]> {
  const { value } = await lab.until(`${node}: ${times} of ${times} answers from ${vip.url}`, PATIENCE, async () => {
    const answers = parseAnswers(await lab.curl(node, vip.url, times));
    return answers.length === times ? { value: answers } : { seen: `${answers.length} answers` };
  });
  return value;
}

/** How often each value occurs. */
export function tally(values: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
