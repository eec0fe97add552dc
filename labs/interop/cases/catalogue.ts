import type { InteropCase } from "../case.ts";
import { BFD } from "./bfd.ts";
import { FAILURES } from "./failures.ts";
import { ROUTES } from "./routes.ts";
import { SECURITY } from "./security.ts";
import { SESSIONS } from "./sessions.ts";
import { WEIGHTS } from "./weights.ts";

/** The rows of the table, in its order. */
export const CASES: readonly InteropCase[] = [...SESSIONS, ...ROUTES, ...WEIGHTS, ...FAILURES, ...SECURITY, ...BFD];
