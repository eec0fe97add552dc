/** Something that must be so, and by which name it is asked for. */
export interface HealthCheck {
  readonly name: string;
  /** Why it is not so, in words; undefined when all is well. */
  readonly trouble: () => string | undefined;
}

/** What an asker is told. */
export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly text: string;
}

/** As Kubernetes' own: `ok`, or with `verbose`, or in trouble, a line for each check. */
export function answerHealth(
  endpoint: "healthz" | "readyz",
  checks: readonly HealthCheck[],
  verbose: boolean,
): HealthAnswer {
  const results = [{ name: "ping", trouble: undefined }, ...checks.map(examine)];
  const failed = results.some(({ trouble }) => trouble !== undefined);
  if (!failed && !verbose) return { status: 200, text: "ok\n" };
  const lines = results.map(({ name, trouble }) =>
    trouble === undefined ? `[+]${name} ok` : `[-]${name} failed: ${trouble}`,
  );
  const last = `${endpoint} check ${failed ? "failed" : "passed"}`;
  return { status: failed ? 503 : 200, text: `${[...lines, last].join("\n")}\n` };
}

/** A check that cannot be made is one that failed. */
function examine({ name, trouble }: HealthCheck): { readonly name: string; readonly trouble: string | undefined } {
  try {
    return { name, trouble: trouble() };
  } catch (error) {
    return { name, trouble: error instanceof Error ? error.message : String(error) };
  }
}
