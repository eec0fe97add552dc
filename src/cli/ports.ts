/** What a command may touch of the process it runs in. */
export interface CliPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the user calls the program, `herald` when absent: as a plugin it is `kubectl herald`. */
  readonly name?: string;
  /** Aborted when the user or the system asks the process to stop. */
  readonly signal: AbortSignal;
  /** Calls back at every SIGHUP, which then no longer ends the process. */
  readonly hungUp?: (again: () => void) => void;
  /** Data for other programs and for the reader. */
  readonly stdout: (text: string) => void;
  /** Notes, progress and errors. */
  readonly stderr: (text: string) => void;
  /** Data goes to a terminal: there may be colours. */
  readonly terminal?: boolean;
  /** Octets for other programs; resolves when there is room for more. */
  readonly octets?: (octets: Uint8Array) => Promise<void>;
  /** Resolves when whoever feeds the process has closed its end. */
  readonly fed?: () => Promise<void>;
}

/** 0 fine, 1 failed, 2 bad input: the same for every command. */
export type ExitCode = 0 | 1 | 2;
