/** Lets everything happen that needs no timer: with a virtual clock, all that can happen at this instant. */
export async function settle(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}
