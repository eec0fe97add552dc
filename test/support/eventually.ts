/** Waits until the condition holds, turn by turn of the event loop; for tests that talk to a real server. */
export async function eventually(condition: () => boolean, limit = 5000): Promise<void> {
  const end = performance.now() + limit;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
