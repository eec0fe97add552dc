// Clients of many addresses that never let up: `clients.mjs PER_SECOND URL...` asks each URL so often a second, each time on a
// connection of its own, until its input closes. One that is reset is asked again once, as HTTP clients do (RFC 9110 section 9.2.2).
// A request without an answer within a second is lost. For each second and URL one line of JSON, as soon as its requests are settled:
//   {"at":123456.7,"url":"http://10.98.0.100/","sent":10,"lost":0,"again":0,"late":false}
// `at` is when the second began, on the monotonic clock; `late` says that this process stood still meanwhile.
import { get } from "node:http";
import process from "node:process";

const [perSecond = "10", ...urls] = process.argv.slice(2);
const LIMIT = 1000;
const WINDOW = 1000;
const TICK = 10;
const STALL = 250;
const rate = Number(perSecond);

function monotonic() {
  return Number(process.hrtime.bigint()) / 1e6;
}

const begin = monotonic();
let lastTick = begin;
let stalledUntil = 0;
const streams = urls.map((url, i) => ({ url, sent: 0, offset: (i * 1000) / rate / urls.length, windows: new Map() }));

function windowAt(stream, time) {
  const index = Math.floor((time - begin) / WINDOW);
  let window = stream.windows.get(index);
  if (window === undefined) {
    window = { at: begin + index * WINDOW, sent: 0, lost: 0, again: 0, open: 0, late: false };
    stream.windows.set(index, window);
  }
  return window;
}

function ask(url, window, start, isSecond) {
  let over = false;
  const left = Math.max(1, Math.ceil(LIMIT - (monotonic() - start)));
  const request = get(url, { agent: false, signal: AbortSignal.timeout(left) }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk) => (body += chunk)).on("end", () => settle(!/^pod=\S+/.test(body)));
    response.on("error", failed);
  });
  request.on("error", failed);
  function settle(isLost) {
    if (over) return;
    over = true;
    window.open -= 1;
    if (isLost) window.lost += 1;
  }
  function failed(error) {
    if (over) return;
    if (error.code !== "ECONNRESET" || isSecond) {
      settle(true);
      return;
    }
    over = true;
    window.again += 1;
    ask(url, window, start, true);
  }
}

function sendDue(stream, now) {
  const due = Math.floor(((now - begin - stream.offset) / 1000) * rate);
  for (; stream.sent < due; stream.sent += 1) {
    const window = windowAt(stream, now);
    window.sent += 1;
    window.open += 1;
    ask(stream.url, window, now, false);
  }
}

function tellSettled(stream, now) {
  for (const [index, window] of stream.windows) {
    if (now < stalledUntil && now < window.at + WINDOW + LIMIT + STALL) window.late = true;
    if (window.at + WINDOW > now || window.open > 0) continue;
    stream.windows.delete(index);
    const { at, sent, lost, again, late } = window;
    process.stdout.write(`${JSON.stringify({ at, url: stream.url, sent, lost, again, late })}\n`);
  }
}

setInterval(() => {
  const now = monotonic();
  if (now - lastTick > STALL) stalledUntil = now + LIMIT;
  lastTick = now;
  for (const stream of streams) {
    sendDue(stream, now);
    tellSettled(stream, now);
  }
}, TICK);
process.stdin.on("end", () => process.exit()).resume();
