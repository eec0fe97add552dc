import { cpuUsage } from "node:process";

/** How many milliseconds of work a call is: time in which the machine did something else does not count. */
export function busyMillis(call: () => void): number {
  const began = performance.now();
  const before = cpuUsage();
  call();
  const { user, system } = cpuUsage(before);
  return Math.min(performance.now() - began, (user + system) / 1000);
}
