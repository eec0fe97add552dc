import type { Micros } from "../net/micros.ts";
import type { ResourcePath } from "./http/route.ts";
import { ApiError } from "./status.ts";

/** Which requests a fault strikes; what is left out matches everything. */
export interface FaultMatch {
  readonly method?: string;
  readonly plural?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly watch?: boolean;
}

/** How a request fails: with an HTTP status, or with a connection that breaks before or after the write was done. */
export type Failure =
  | { readonly type: "status"; readonly status: number; readonly retryAfterSeconds?: number }
  | { readonly type: "disconnect" }
  | { readonly type: "disconnect-after" };

interface Armed {
  readonly match: FaultMatch;
  left: number;
}

/** What a request looks like to a fault. */
export interface Struck {
  readonly method: string;
  readonly path: ResourcePath | undefined;
  readonly watch: boolean;
}

const REASONS: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function matches(match: FaultMatch, request: Struck): boolean {
  const { path } = request;
  return (
    (match.method === undefined || match.method === request.method) &&
    (match.watch === undefined || match.watch === request.watch) &&
    (match.plural === undefined || match.plural === path?.plural) &&
    (match.namespace === undefined || match.namespace === path?.namespace) &&
    (match.name === undefined || match.name === path?.name) &&
    (match.subresource === undefined || match.subresource === path?.subresource)
  );
}

/** Faults armed by a test, each used up by the requests it strikes. */
export class FaultPlan {
  #failures: (Armed & { readonly failure: Failure })[] = [];
  #delays: (Armed & { readonly by: Micros })[] = [];

  /** The next `count` matching requests fail. */
  fail(count: number, failure: Failure, match: FaultMatch = {}): void {
    this.#failures.push({ left: count, failure, match });
  }

  /** The next `count` matching requests are answered late. */
  delay(count: number, by: Micros, match: FaultMatch = {}): void {
    this.#delays.push({ left: count, by, match });
  }

  /** Disarms everything. */
  clear(): void {
    this.#failures = [];
    this.#delays = [];
  }

  takeFailure(request: Struck): Failure | undefined {
    const armed = this.#failures.find((fault) => fault.left > 0 && matches(fault.match, request));
    if (armed !== undefined) armed.left -= 1;
    return armed?.failure;
  }

  takeDelay(request: Struck): Micros | undefined {
    const armed = this.#delays.find((fault) => fault.left > 0 && matches(fault.match, request));
    if (armed !== undefined) armed.left -= 1;
    return armed?.by;
  }
}

/** The refusal a status failure stands for. */
export function failureError(failure: { readonly status: number; readonly retryAfterSeconds?: number }): ApiError {
  const { status, retryAfterSeconds } = failure;
  const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return new ApiError(status, REASONS[status] ?? "Unknown", "injected fault", details);
}
