import type { RouterKind } from "../router.ts";
import { frr } from "./frr.ts";

/** The columns of the table. */
export const ROUTERS: readonly RouterKind[] = [frr];
