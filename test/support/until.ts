/** Polls until the condition holds or the time is over; says what was waited for. The condition may ask a server. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Polls until reading gives what is expected; fails with the last reading. */
export async function untilEqual<T>(
  what: string,
  read: () => T | Promise<T>,
  expected: T,
  limitMs = 15_000,
): Promise<void> {
  const wanted = JSON.stringify(expected);
  let last = "";
  try {
    await until(
      what,
      async () => {
        last = JSON.stringify(await read());
        return last === wanted;
      },
      limitMs,
    );
  } catch (cause) {
    throw new Error(`${what}: wanted ${wanted}, last saw ${last}`, { cause });
  }
}
