import type { Look } from "../runner/poll.ts";
import { changeInText, type Explanation } from "./answers.ts";
import type { Fault, NamedCause, Stage } from "./fault.ts";

/** What was said of a fault. */
export interface Named {
  /** The cause, or how the session is. */
  readonly name: string;
  readonly object: string;
  readonly field: string;
  readonly change: string;
}

/** Asks once, as a user would, and as a program: both have to name it. */
export async function isNamed(stage: Stage, fault: Fault): Promise<Look<Named>> {
  if ("sessions" in fault) return await inSessions(stage, fault);
  if ("complains" in fault) return await inComplaint(stage, fault);
  return await inExplanation(stage, fault);
}

async function inExplanation(
  { herald }: Stage,
  { ask, names }: Extract<Fault, { readonly names: NamedCause }>,
): Promise<Look<Named>> {
  const [told, text] = await Promise.all([herald.explain(...ask), herald.run("explain", "service", ...ask)]);
  const [first] = told.causes;
  const code = told.answers === "yes" || told.answers === "partly" ? 0 : 1;
  const problems = [
    ...differences(told, names),
    ...(told.code === code && text.code === code ? [] : [`exit codes ${told.code} and ${text.code}`]),
    ...(changeInText(text.stdout) === first?.change ? [] : [`the text says: ${changeInText(text.stdout)}`]),
  ];
  if (first === undefined || problems.length > 0) return { seen: problems.join("; ") };
  return { value: first };
}

function differences({ answers, causes }: Explanation, wanted: NamedCause): readonly string[] {
  const [first] = causes;
  if (first === undefined) return [`no cause, and it answers: ${answers}`];
  const { words = /./, change, object = "", field = "", also } = wanted;
  const said = `${first.name} of ${first.object} ${first.field}, it answers: ${answers}: ${first.words} / ${first.change}`;
  const same =
    first.name === wanted.cause && first.object === object && first.field === field && answers === wanted.answers;
  const rest = also === undefined || causes.some(({ name }) => name === also);
  return same && rest && words.test(first.words) && change.test(first.change) ? [] : [said];
}

async function inSessions(
  { herald }: Stage,
  { sessions: peer, says, change }: Extract<Fault, { readonly sessions: string }>,
): Promise<Look<Named>> {
  const all = await herald.sessions(peer);
  const told = all.filter(({ state, said }) => state !== "established" && says.test(said));
  const seen = all.map(({ node, state, said }) => `${node} ${state}: ${said}`).join("; ") || "no session";
  const [first] = told;
  if (first === undefined || told.length !== all.length) return { seen };
  const { stdout } = await herald.run("sessions", "describe", first.node, peer);
  const [, remedy = ""] = /^To change: +(.*)$/m.exec(stdout) ?? [];
  const [, object = "", field = "", what = ""] = /^(BGPPeer \S+) (\S+): (.*)$/.exec(remedy) ?? [];
  if (!change.test(remedy)) return { seen: `${seen}; to change: ${remedy}` };
  return { value: { name: "herald sessions", object, field, change: what } };
}

async function inComplaint(
  { herald }: Stage,
  { ask, complains, code }: Extract<Fault, { readonly complains: RegExp }>,
): Promise<Look<Named>> {
  const answer = await herald.run("explain", "service", ...ask);
  const said = answer.stderr.trim();
  if (answer.code !== code || !complains.test(said)) return { seen: `exit ${answer.code}: ${said}` };
  // How the connection failed differs from run to run; what to do about it is the last line.
  return { value: { name: `exit code ${code}`, object: "", field: "", change: said.split("\n").at(-1) ?? "" } };
}
