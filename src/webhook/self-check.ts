import { request } from "node:https";
import { SystemError } from "../wire/errors.ts";

/** Whom to call, and what the API server would believe. */
export interface SelfCheckTarget {
  readonly port: number;
  readonly address: string;
  readonly dnsName: string;
  /** The authorities callers trust; none when somebody else tells them. */
  readonly authorities: string | undefined;
  readonly path: string;
}

/** A call to ourselves did not come through as the API server's would. */
class SelfCheckFailed extends SystemError {
  readonly code = "ERR_WEBHOOK_SELF_CHECK";
}

const TIMEOUT_MS = 5000;
const LOOPBACK = new Map([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
]);

/** Calls the server as the API server does, as far as the head of the request. @throws SelfCheckFailed */
export function checkSelf(target: SelfCheckTarget): Promise<void> {
  const { port, address, dnsName, authorities, path } = target;
  const trust = authorities === undefined ? { rejectUnauthorized: false } : { ca: authorities };
  const host = LOOPBACK.get(address) ?? address;
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new SelfCheckFailed(`the webhook does not answer itself: ${cause.message}`, { cause }));
    const call = request(
      { host, port, path, method: "GET", servername: dnsName, agent: false, timeout: TIMEOUT_MS, ...trust },
      (response) => {
        response.resume();
        if (response.statusCode === 405) resolve();
        else failed(new Error(`status ${response.statusCode}`));
      },
    );
    call.on("timeout", () => call.destroy(new Error("no answer")));
    call.on("error", failed);
    call.end();
  });
}
