import type { Server } from "node:net";
import { SystemError } from "../wire/errors.ts";

/** The address is taken, or not this host's. */
class PortNotServed extends SystemError {
  readonly code = "ERR_SYSTEM_PORT_NOT_SERVED";
}

/** Where a server listens, and what a person calls it. */
export interface ListenPlace {
  readonly port: number;
  readonly address: string;
  /** `health probes`, for messages. */
  readonly what: string;
  /** The flag that takes another port. */
  readonly flag: string;
  /** What port 0 stands for; `none` when absent. */
  readonly zero?: string;
}

/** Begins to listen. @throws PortNotServed naming the flag that helps. */
export function listenAt(server: Server, { port, address, what, flag, zero = "none" }: ListenPlace): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void => {
      const help = `${flag} takes another port, or 0 for ${zero}`;
      reject(
        new PortNotServed(`cannot serve ${what} on ${address} port ${port}: ${cause.message}; ${help}`, { cause }),
      );
    };
    server.once("error", failed);
    server.listen(port, address, () => {
      server.off("error", failed);
      resolve();
    });
  });
}
