import type { ErrorBody } from "../model.ts";

/** Why there is no answer. `signed-out`: the token is missing or of another server. */
export interface Failure {
  readonly kind: "signed-out" | "unreachable" | "refused";
  readonly code: string;
  readonly message: string;
}

export type Answer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly failure: Failure };

const TOKEN_KEY = "herald-token";

/** Takes the token out of the address bar, or the one that was kept when the page was opened first. */
export function takeToken(window: Window): string {
  const given = /^#token=([\w-]+)/.exec(window.location.hash)?.[1];
  if (given === undefined) return window.localStorage.getItem(TOKEN_KEY) ?? "";
  window.localStorage.setItem(TOKEN_KEY, given);
  window.history.replaceState(undefined, "", "#/overview");
  return given;
}

/** Asks the server that served this page. */
export class Api {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** The document below `/api/v1/`: server and page are of one build, so its shape is taken as said. */
  async get<Value>(path: string, signal: AbortSignal): Promise<Answer<Value>> {
    const response = await this.open(path, { signal });
    if (!(response instanceof Response)) return { ok: false, failure: response };
    try {
      const value: Value = await response.json();
      return { ok: true, value };
    } catch (error) {
      return { ok: false, failure: unreachable(error) };
    }
  }

  /** The answer as it comes in, or why there is none. */
  async open(
    path: string,
    { signal, headers = {} }: { readonly signal: AbortSignal; readonly headers?: Readonly<Record<string, string>> },
  ): Promise<Response | Failure> {
    try {
      const response = await fetch(`/api/v1/${path}`, {
        signal,
        cache: "no-store",
        credentials: "omit",
        headers: { ...headers, authorization: `Bearer ${this.#token}` },
      });
      return response.ok ? response : await refusal(response);
    } catch (error) {
      return unreachable(error);
    }
  }
}

async function refusal(response: Response): Promise<Failure> {
  const kind = response.status === 401 ? "signed-out" : "refused";
  try {
    const { code, message }: ErrorBody = await response.json();
    return { kind, code, message };
  } catch {
    return { kind, code: `HTTP ${response.status}`, message: response.statusText };
  }
}

function unreachable(error: unknown): Failure {
  const message = error instanceof Error ? error.message : "no answer";
  return { kind: "unreachable", code: "unreachable", message };
}
