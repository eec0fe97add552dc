// A client that never lets up: `steady-load.mjs URL PER_SECOND SECONDS` asks so often and prints how it went as JSON; SIGTERM ends it
// sooner. With http:// each request is a connection of its own; one that is reset is asked again once, as HTTP clients do (RFC 9110
// section 9.2.2), and counted. With udp:// each request is one datagram, which nobody sends again. A request without an answer
// within a second is lost. `gaps` are the times without any answer that were longer than 50 ms, as pairs of milliseconds on the
// monotonic clock. With a fourth word, `tell`, a line says when the first answer came.
import { createSocket } from "node:dgram";
import { get } from "node:http";
import process from "node:process";

const [url = "", perSecond = "100", duration = "5", tell] = process.argv.slice(2);
const LIMIT = 1000;
const GAP = 50;
/** Connection tracking keeps a datagram's way by its port: several take several ways. */
const PORTS = 32;
let total = Math.round(Number(perSecond) * Number(duration));
const result = { sent: 0, answered: 0, again: 0, lost: 0, longestGap: 0, gaps: [], pods: {}, reasons: {} };
let lastAnswer;

/** Milliseconds that mean the same in every process. */
function monotonic() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function askByHttp(start, isSecond) {
  const left = Math.max(1, Math.ceil(LIMIT - (performance.now() - start)));
  const request = get(url, { agent: false, signal: AbortSignal.timeout(left) }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (chunk) => (body += chunk)).on("end", () => finished(body));
    response.on("error", failed);
  });
  let over = false;
  function failed(error) {
    if (over) return;
    over = true;
    if (error.code !== "ECONNRESET" || isSecond) {
      lost(error.code ?? error.name);
      return;
    }
    result.again += 1;
    askByHttp(start, true);
  }
  request.on("error", failed);
}

function datagramAsker({ hostname, port }) {
  const host = hostname.replace(/^\[|\]$/g, "");
  const open = new Map();
  const sockets = Array.from({ length: PORTS }, () =>
    createSocket(host.includes(":") ? "udp6" : "udp4").on("message", (message) => {
      const [sequence = "", pod = ""] = String(message).split("|");
      const timer = open.get(sequence);
      clearTimeout(timer);
      if (open.delete(sequence)) finished(pod);
    }),
  );
  return (_start) => {
    const sequence = String(result.sent);
    open.set(
      sequence,
      setTimeout(() => {
        open.delete(sequence);
        lost("no answer");
      }, LIMIT),
    );
    // What the network refuses is missed as an answer.
    sockets[result.sent % PORTS]?.send(sequence, Number(port), host, () => {});
  };
}

function lost(reason) {
  result.reasons[reason] = (result.reasons[reason] ?? 0) + 1;
  result.lost += 1;
  endWhenDone();
}

function finished(body) {
  const pod = /^pod=(\S+)/.exec(body)?.[1];
  if (pod === undefined) lost("not a pod's answer");
  else answered(pod);
}

function answered(pod) {
  const now = monotonic();
  if (lastAnswer === undefined && tell === "tell") process.stdout.write(`${JSON.stringify({ begun: now })}\n`);
  const gap = now - (lastAnswer ?? now);
  if (gap > GAP) result.gaps.push([lastAnswer, now]);
  result.longestGap = Math.max(result.longestGap, gap);
  lastAnswer = now;
  result.answered += 1;
  result.pods[pod] = (result.pods[pod] ?? 0) + 1;
  endWhenDone();
}

function endWhenDone() {
  if (result.answered + result.lost === total)
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
}

const ask = url.startsWith("udp:") ? datagramAsker(new URL(url)) : askByHttp;
const begin = performance.now();
const timer = setInterval(() => {
  const due = Math.min(total, Math.floor(((performance.now() - begin) / 1000) * Number(perSecond)));
  for (; result.sent < due; result.sent += 1) ask(performance.now(), false);
  if (result.sent === total) clearInterval(timer);
}, 2);
process.once("SIGTERM", () => {
  clearInterval(timer);
  total = result.sent;
  endWhenDone();
});
