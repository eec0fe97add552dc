import { parseDuration, SECOND } from "../api/duration.ts";
import type { RawObject } from "../api/object.ts";
import { specReader } from "../api/raw-object.ts";
import type { FieldReader, ParseResult } from "../api/read-object.ts";
import { parseIpAddress } from "../net/ip-address.ts";
import { type Micros, micros, seconds } from "../net/micros.ts";
import type { Thresholds } from "./health-state.ts";

/** How a service is asked whether it works. */
export type Probe =
  | { readonly type: "tcp"; readonly address: string; readonly port: number }
  | HttpProbe
  | { readonly type: "exec"; readonly command: readonly string[] };

/** A GET request; any other status than those wanted is a failure, and redirects are not followed. */
export interface HttpProbe {
  readonly type: "http";
  readonly address: string;
  readonly port: number;
  readonly scheme: "HTTP" | "HTTPS";
  readonly path: string;
  /** The Host header, and over TLS the name that is asked for; the address when absent. */
  readonly host: string | undefined;
  /** Empty takes 200 to 399, as a kubelet does. */
  readonly statuses: readonly number[];
  /** Whether the certificate is looked at. */
  readonly verify: boolean;
}

/** One HealthCheck of the folder. */
export interface HealthCheck extends Thresholds {
  readonly namespace: string;
  readonly name: string;
  /** The Service of the same namespace that it speaks for. */
  readonly service: string;
  readonly probe: Probe;
  readonly interval: Micros;
  readonly timeout: Micros;
}

export const HEALTH_CHECK_API_VERSION = "herald.io/v1alpha1";

const PORT = { min: 1, max: 65535 };
const TIMES = { min: 1, max: 100 };
const STATUS = { min: 100, max: 599 };
const SHORTEST = SECOND / 10n;
const LONGEST = 3600n * SECOND;
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  spec: ["service", "address", "tcp", "http", "exec", "interval", "timeout", "rise", "fall"],
  tcp: ["port"],
  http: ["port", "scheme", "path", "host", "statuses", "insecureSkipVerify"],
  exec: ["command"],
};

/** Reads a HealthCheck, or says all that is wrong with it. */
export function parseHealthCheck(object: RawObject): ParseResult<HealthCheck> {
  const spec = specReader(object);
  refuseUnknown(object.spec, spec, "spec");
  const { name, namespace = "" } = object.metadata;
  const probe = readProbe(object, spec);
  const interval = readDuration(spec, "interval") ?? seconds(2);
  // A check that outlasts its interval would delay the next one, and with it the word that the service is gone.
  const timeout = readDuration(spec, "timeout") ?? micros(Math.min(interval, seconds(1)));
  if (timeout > interval) spec.problems.add("spec.timeout", "must not be longer than spec.interval");
  const check = {
    namespace: namespace === "" ? "default" : namespace,
    name,
    service: spec.string("service") ?? name,
    interval,
    timeout,
    rise: spec.integer("rise", TIMES) ?? 2,
    fall: spec.integer("fall", TIMES) ?? 3,
  };
  if (probe === undefined) return { problems: spec.problems.list };
  return spec.problems.resultOf({ ...check, probe });
}

function readProbe(object: RawObject, spec: FieldReader): Probe | undefined {
  const given = (["tcp", "http", "exec"] as const).filter((type) => spec.has(type));
  const [type] = given;
  if (type === undefined || given.length > 1) {
    spec.problems.add("spec", `wants exactly one of tcp, http and exec, not ${given.join(" and ") || "none"}`);
    return undefined;
  }
  const reader = spec.object(type);
  if (reader === undefined) return undefined;
  refuseUnknown(fieldOf(object.spec, type), reader, type);
  const address = spec.string("address") ?? "127.0.0.1";
  if (parseIpAddress(address) === undefined)
    spec.problems.add("spec.address", `must be an IP address, not "${address}"`);
  if (type === "exec") return readExec(reader);
  const port = reader.integer("port", PORT) ?? 0;
  if (!reader.has("port")) reader.problems.add(reader.pathOf("port"), "must be set");
  return type === "tcp" ? { type, address, port } : readHttp(reader, { address, port });
}

function readHttp(reader: FieldReader, where: { readonly address: string; readonly port: number }): Probe {
  const path = reader.string("path") ?? "/";
  if (!/^\/[!-~]*$/.test(path))
    reader.problems.add(reader.pathOf("path"), `must begin with / and have no blanks, not "${path}"`);
  const host = reader.string("host");
  if (host !== undefined && !/^[!-~]+$/.test(host)) reader.problems.add(reader.pathOf("host"), "must be a host name");
  return {
    type: "http",
    ...where,
    scheme: reader.oneOf("scheme", ["HTTP", "HTTPS"]) ?? "HTTP",
    path,
    host,
    statuses: readStatuses(reader),
    verify: reader.boolean("insecureSkipVerify") !== true,
  };
}

function readStatuses(reader: FieldReader): readonly number[] {
  const given = reader.raw("statuses");
  if (given === undefined) return [];
  const list: readonly unknown[] = Array.isArray(given) ? given : [];
  const statuses = list.filter(
    (status): status is number =>
      Number.isInteger(status) && Number(status) >= STATUS.min && Number(status) <= STATUS.max,
  );
  if (statuses.length === 0 || statuses.length < list.length) {
    reader.problems.add(reader.pathOf("statuses"), `must be a list of numbers from ${STATUS.min} to ${STATUS.max}`);
  }
  return statuses;
}

function readExec(reader: FieldReader): Probe {
  const command = reader.strings("command").map(({ value }) => value);
  const [program = ""] = command;
  if (!program.startsWith("/")) {
    reader.problems.add(reader.pathOf("command"), "must begin with the absolute path of a program; there is no shell");
  }
  if (command.some((word) => word.includes("\0")))
    reader.problems.add(reader.pathOf("command"), "must have no zero octet");
  return { type: "exec", command };
}

function readDuration(spec: FieldReader, key: string): Micros | undefined {
  const text = spec.string(key);
  if (text === undefined) return undefined;
  const time = parseDuration(text);
  if (time !== undefined && time >= SHORTEST && time <= LONGEST) return micros(Number(time / 1000n));
  spec.problems.add(spec.pathOf(key), `must be a duration between 100ms and 1h, not "${text}"`);
  return undefined;
}

/** A field that nobody reads is a slip of the pen, and the default in its place a surprise. */
function refuseUnknown(value: unknown, reader: FieldReader, where: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const known = KNOWN[where] ?? [];
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      reader.problems.add(reader.pathOf(key), `is not known here; known are ${known.join(", ")}`);
  }
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined;
}
