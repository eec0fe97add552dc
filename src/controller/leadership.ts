import type { LeaderElection } from "../kubernetes/lease.ts";
import { aborted } from "../system/aborted.ts";

/**
 * Competes for the Lease until the signal is aborted and runs `lead` while it is held, one term at a time. On a stop the
 * Lease is let go only when the last write of the term is answered: the next leader may begin within milliseconds, and is told that
 * nothing can come late.
 * Rejects with what a term threw.
 */
export async function leadByLease(
  lease: LeaderElection,
  signal: AbortSignal,
  lead: (term: AbortSignal, wasReleased: boolean) => Promise<void>,
): Promise<void> {
  let work: Promise<void> = Promise.resolve();
  const failed = new Promise<never>((_resolve, reject) => {
    lease.onChange((leading) => {
      if (!leading || signal.aborted) return;
      const term = AbortSignal.any([lease.term, signal]);
      const { wasReleased } = lease;
      work = work.then(() => lead(term, wasReleased));
      work.catch(reject);
    });
  });
  try {
    if (!signal.aborted) lease.start(new AbortController().signal);
    await Promise.race([failed, aborted(signal)]);
  } finally {
    await Promise.allSettled([work]);
    await lease.stop();
  }
}
