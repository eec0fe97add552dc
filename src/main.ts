import { setMaxListeners } from "node:events";
import { runCli } from "./cli/program.ts";

// One signal asks for a clean stop (withdraw, Cease, release the Lease); a second one ends at once.
const stop = new AbortController();
// Every informer and queue listens to it: no leak.
setMaxListeners(0, stop.signal);
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort(name);
  });
}

// `| head` has seen enough, or the disk is full: what is left could only be said to nobody.
let unread = false;
const onUnread = (error: Error): void => {
  if (!unread && !("code" in error && error.code === "EPIPE"))
    process.stderr.write(`herald: stdout: ${error.message}\n`);
  unread = true;
  stop.abort("stdout");
};
process.stdout.on("error", onUnread);
process.stderr.on("error", () => {});

const code = await runCli(process.argv.slice(2), {
  env: process.env,
  name: process.argv[1]?.endsWith("kubectl-herald") === true ? "kubectl herald" : "herald",
  signal: stop.signal,
  hungUp: (again) => process.on("SIGHUP", again),
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  terminal: process.stdout.isTTY === true,
  octets: (octets) =>
    new Promise((resolve) => {
      process.stdout.write(octets, (error) => {
        if (error) onUnread(error);
        resolve();
      });
    }),
  fed: () =>
    new Promise((resolve) => {
      for (const event of ["end", "close", "error"]) process.stdin.once(event, () => resolve());
      process.stdin.resume();
    }),
});
// An exit before a pipe has taken everything would cut the output off.
// That it took not everything is said a turn later.
process.stdout.write("", () => setImmediate(() => process.exit(unread ? 1 : code)));
