import { attempt } from "../runner/command.ts";
import type { Feature } from "./features.ts";
import type { Role, Transport } from "./protocol.ts";
import type { Stage } from "./stage.ts";

type RouterName = "frr" | "bird" | "gobgp" | "openbgpd" | "exabgp";

/** What a case wants its router to be. */
export interface RouterSetup {
  readonly asn: number;
  /** The AS that the router expects us in. */
  readonly heraldAsn: number;
  /** The addresses it expects us at; none when it finds us on the link. */
  readonly peers: readonly string[];
  readonly families: readonly Transport[];
  readonly passive: boolean;
  readonly holdTime: number;
  readonly password?: string;
  readonly gtsm?: boolean;
  /** `graceful`: its end does not end a graceful restart, where the operator has to ask for that. */
  readonly bfd?: "usual" | "graceful";
  /** We are more than one hop away, says its operator. */
  readonly multihop?: boolean;
  /** Keeps our routes for long (RFC 9494). */
  readonly longLived?: boolean;
  /** Offers no capability at all (RFC 5492 is not there). */
  readonly noCapabilities?: boolean;
  readonly maxPrefixes?: number;
  /** Announces the routes of `ROUTERS_OWN`. */
  readonly announces?: boolean;
  /** Knows AS numbers of two octets only. */
  readonly twoOctet?: boolean;
  readonly role?: Role;
}

/** One path as a router shows it, with what it shows written the same way for all of them. */
export interface RouterRoute {
  readonly prefix: string;
  readonly peer: string;
  readonly nextHop: string;
  readonly origin: string;
  /** Numbers with blanks between them. */
  readonly asPath: string;
  readonly med: number | undefined;
  readonly localPref: number | undefined;
  readonly communities: readonly string[];
  readonly large: readonly string[];
  /** Link bandwidth in octets per second. */
  readonly bandwidth: number | undefined;
  readonly stale: boolean;
}

/** A router's word on its session with us. */
export interface RouterSession {
  readonly up: boolean;
  readonly state: string;
  /** Why it was down, all the router says of it. */
  readonly why: string;
}

/** A running router of one cell. */
export interface Router {
  /** Runs it and waits until it would take a session. After `stop` or `kill` it may be started again. */
  start(): Promise<void>;
  session(peer: string): Promise<RouterSession>;
  routes(family: Transport): Promise<readonly RouterRoute[]>;
  /** Asks us for everything again (RFC 2918). */
  refresh(peer: string): Promise<void>;
  /** UPDATEs it counted from us. */
  updates(peer: string): Promise<number>;
  /** Takes the session down for its operator, with a word for us. */
  shutdown(peer: string, words: string): Promise<void>;
  /** The state of its BFD session with us. */
  bfd?(peer: string): Promise<string>;
  /** Asks us for another password from now on. */
  rekey?(peer: string, password: string): Promise<void>;
  /** What an operator does to have a session again that the router holds back. */
  revive?(peer: string): Promise<void>;
}

export interface RouterKind {
  readonly name: RouterName;
  /** How people call it. */
  readonly title: string;
  /** Programs it needs, and the Debian package that has them. */
  readonly programs: readonly string[];
  readonly debian: string;
  version(): Promise<string>;
  /** What this program has not got at all, which rules out every case that needs it: the reason stands in the table. */
  readonly lacks: Readonly<Partial<Record<Feature, string>>>;
  /** What else it cannot do, by case. */
  readonly cannot: Readonly<Record<string, string>>;
  /** Whether its operator can give words to a shutdown; they can when absent. */
  readonly shutdownWords?: false;
  /** With TTL security it has to dial: it cannot let others in. */
  readonly gtsmDials?: true;
  make(stage: Stage, setup: RouterSetup): Router;
}

/** The first number with dots in what a program says of itself. */
export async function versionIn(argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await attempt(argv);
  return /\d+(?:\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? "?";
}
