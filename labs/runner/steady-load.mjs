// A client that never lets up: `steady-load.mjs URL PER_SECOND SECONDS` asks so often, each time on a connection of its own, and
// prints how it went as JSON; SIGTERM ends it sooner. A connection that is reset is asked again once, as HTTP clients do (RFC 9110
// section 9.2.2), and counted; a request without an answer within a second is lost. `gaps` are the times without any answer
// that were longer than 50 ms, as pairs of milliseconds on the monotonic clock.
import { get } from "node:http";
import process from "node:process";

const [url = "", perSecond = "100", duration = "5"] = process.argv.slice(2);
const LIMIT = 1000;
const GAP = 50;
let total = Math.round(Number(perSecond) * Number(duration));
const result = { sent: 0, answered: 0, again: 0, lost: 0, longestGap: 0, gaps: [], pods: {}, reasons: {} };
let lastAnswer;

/** Milliseconds that mean the same in every process. */
function monotonic() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function ask(start, isSecond, done) {
  const left = Math.max(1, Math.ceil(LIMIT - (performance.now() - start)));
  const request = get(url, { agent: false, signal: AbortSignal.timeout(left) }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk) => (body += chunk)).on("end", () => done(/^pod=(\S+)/.exec(body)?.[1]));
    response.on("error", failed);
  });
  let over = false;
  function failed(error) {
    if (over) return;
    over = true;
    if (error.code !== "ECONNRESET" || isSecond) {
      result.reasons[error.code ?? error.name] = (result.reasons[error.code ?? error.name] ?? 0) + 1;
      done(undefined);
      return;
    }
    result.again += 1;
    ask(start, true, done);
  }
  request.on("error", failed);
}

function answered(pod) {
  const now = monotonic();
  const gap = now - (lastAnswer ?? now);
  if (gap > GAP) result.gaps.push([lastAnswer, now]);
  result.longestGap = Math.max(result.longestGap, gap);
  lastAnswer = now;
  result.answered += 1;
  result.pods[pod] = (result.pods[pod] ?? 0) + 1;
}

function finished(pod) {
  if (pod === undefined) result.lost += 1;
  else answered(pod);
  tellWhenDone();
}

function tellWhenDone() {
  if (result.answered + result.lost === total) process.stdout.write(`${JSON.stringify(result)}\n`);
}

const begin = performance.now();
const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(((performance.now() - begin) / 1000) * Number(perSecond)));
  for (; result.sent < due; result.sent += 1) ask(performance.now(), false, finished);
  if (result.sent === total) clearInterval(timer);
}, 5);
process.once("SIGTERM", () => {
  clearInterval(timer);
  total = result.sent;
  tellWhenDone();
});
