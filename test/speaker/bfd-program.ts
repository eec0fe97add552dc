import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { BfdProfile } from "../../src/api/config.ts";
import { parseIpAddress } from "../../src/net/ip-address.ts";
import { machineClock } from "../../src/speaker/bfd-clock.ts";
import { type BfdHandle, type BfdRequest, BfdService } from "../../src/speaker/bfd-service.ts";
import { startThread } from "../../src/speaker/bfd-thread.ts";
import { silentLog } from "../support/silent-log.ts";

/** A session as the command line of this program has it. */
export interface ProgramSession {
  readonly peer: string;
  readonly local?: string;
  readonly interface?: string;
  readonly multihop?: boolean;
  readonly profile: Partial<BfdProfile>;
}

const NO_PROFILE: BfdProfile = {
  name: "test",
  receiveInterval: undefined,
  transmitInterval: undefined,
  detectMultiplier: undefined,
  echoInterval: undefined,
  echoMode: false,
  passiveMode: false,
  minimumTtl: undefined,
};

function request({ peer, local, multihop, profile, ...rest }: ProgramSession): BfdRequest {
  const address = parseIpAddress(peer);
  const localAddress = local === undefined ? undefined : parseIpAddress(local);
  if (address === undefined) throw new Error(`no address: ${peer}`);
  return {
    peer: address,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(rest.interface === undefined ? {} : { interface: rest.interface }),
    multihop: multihop ?? false,
    profile: { ...NO_PROFILE, ...profile },
  };
}

function say(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Nothing else happens in this thread for a while, as when a large list is parsed. */
function stall(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

const { values, positionals } = parseArgs({ options: { stall: { type: "boolean" } }, allowPositionals: true });
const service = new BfdService({ start: startThread, clock: machineClock, log: silentLog });
const handles: BfdHandle[] = [];
say({ opened: machineClock.now() });
for (const [id, text] of positionals.entries()) {
  const handle = service.open(request(JSON.parse(text) as ProgramSession));
  handle.onChange((event) => say({ id, ...event, heard: machineClock.now() }));
  handles.push(handle);
}
if (values.stall === true) setInterval(() => stall(100), 200);

for await (const line of createInterface({ input: process.stdin })) {
  const [word, id] = line.split(" ");
  const handle = handles[Number(id)];
  if (word === "admin-down") handle?.adminDown();
  else if (word === "admin-up") handle?.adminUp();
  else if (word === "inspect") say({ inspection: await service.inspect(), views: handles.map(({ view }) => view) });
  else if (word === "update" && handle !== undefined) handle.update({ ...NO_PROFILE, ...JSON.parse(line.slice(9)) });
  else if (word === "stop") break;
}
await service.stop();
process.exit(0);
