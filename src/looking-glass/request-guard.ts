/** What of a request decides whether it is answered at all. */
export interface Asking {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
  readonly authorization: string | undefined;
}

/** Why it is not. */
export interface Refused {
  readonly status: 401 | 403 | 405;
  readonly code: `ERR_UI_${string}`;
  readonly message: string;
}

/** Whether a text is the token; what compares takes the same time for all of them. */
export type IsToken = (text: string) => boolean;

/**
 * Who is answered: a page of this server, or a program, that has the token. A page of another site cannot read the answers anyway; it is
 * refused all the same, and so is one that has its own name resolved to 127.0.0.1 (DNS rebinding).
 */
export function refuseRequest(asking: Asking, isToken: IsToken): Refused | undefined {
  const { method, path, host, origin, authorization = "" } = asking;
  if (method !== "GET" && method !== "HEAD") {
    return {
      status: 405,
      code: "ERR_UI_METHOD",
      message: "only GET and HEAD are answered: nothing here changes anything",
    };
  }
  if (host === undefined || !isLoopbackHost(host)) {
    return { status: 403, code: "ERR_UI_HOST", message: "the Host of the request is not this machine's loopback" };
  }
  if (origin !== undefined && origin !== `http://${host}`) return ELSEWHERE;
  if (!isSiteAllowed(asking)) return ELSEWHERE;
  if (!path.startsWith("/api/")) return undefined;
  const token = /^Bearer +(?<token>\S+)$/i.exec(authorization)?.groups?.["token"];
  if (token !== undefined && isToken(token)) return undefined;
  const message =
    "the token is missing or wrong: open the URL that herald ui printed, or send Authorization: Bearer TOKEN";
  return { status: 401, code: "ERR_UI_TOKEN", message };
}

const ELSEWHERE: Refused = { status: 403, code: "ERR_UI_ORIGIN", message: "pages of other sites are not answered" };

/** https://www.w3.org/TR/fetch-metadata/ : a link on another page may lead to ours, and nothing else may. */
function isSiteAllowed({ path, fetchSite, fetchMode }: Asking): boolean {
  if (fetchSite === undefined || fetchSite === "same-origin" || fetchSite === "none") return true;
  return fetchMode === "navigate" && (path === "/" || path.startsWith("/open/"));
}

/** Any port: who forwards the port with ssh sees another one. */
export function isLoopbackHost(host: string): boolean {
  const name = /^(?<name>\[[0-9a-f:]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(host)?.groups?.["name"]?.toLowerCase();
  if (name === undefined) return false;
  return name === "localhost" || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}
