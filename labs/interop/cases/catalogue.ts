import type { InteropCase } from "../case.ts";
import { SESSIONS } from "./sessions.ts";

/** The rows of the table, in its order. */
export const CASES: readonly InteropCase[] = [...SESSIONS];
