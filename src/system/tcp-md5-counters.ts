import { readFile } from "node:fs/promises";

/**
 * What the kernel dropped for its TCP MD5 signature, since the machine started, of all connections of this network namespace.
 * The kernel drops in silence: a count that grows while a session does not come up is all that points to the password.
 */
export interface TcpMd5Counters {
  /** Not signed, from a peer that has a password here: it has none, or another address than meant. */
  readonly missing: number;
  /** Signed, from a peer that has no password here. */
  readonly unexpected: number;
  /** Signed with another password. */
  readonly wrong: number;
}

/** Reads the counters; undefined on a kernel without TCP MD5 signatures. */
export async function readTcpMd5Counters(file = "/proc/net/netstat"): Promise<TcpMd5Counters | undefined> {
  return parseTcpMd5Counters(await readFile(file, "utf8"));
}

/** Reads them from the text of /proc/net/netstat: a line of names, a line of numbers. */
export function parseTcpMd5Counters(text: string): TcpMd5Counters | undefined {
  const [names = [], values = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const count = (name: string): number => Number(values[names.indexOf(name)] ?? Number.NaN);
  const counters = {
    missing: count("TCPMD5NotFound"),
    unexpected: count("TCPMD5Unexpected"),
    wrong: count("TCPMD5Failure"),
  };
  return Object.values(counters).some(Number.isNaN) ? undefined : counters;
}
