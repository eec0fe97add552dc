import type { Topology } from "../clab.ts";
import { layOut, type Spot } from "./layout.ts";
import { type Health, type LiveState, linkHealth, sessionHealth } from "./state.ts";

const WIDTH = 96;
/** Lines from one row of nodes to the next. */
const STEP = 5;
const MARKS: Readonly<Record<Health, string>> = { well: "up", ill: "DOWN", unknown: "" };

/** A topology as text: the picture, then every link and session. A link that is down is drawn with dots. */
export function drawText(topology: Topology, state: LiveState | undefined): string {
  const lines = [...picture(topology, state), "", ...linkLines(topology, state)];
  if (state !== undefined) lines.push("", ...programLines(topology, state), "", ...sessionLines(state));
  return `${lines.join("\n").trimEnd()}\n`;
}

function picture(topology: Topology, state: LiveState | undefined): readonly string[] {
  const spots = layOut(topology);
  const canvas = new Canvas(WIDTH, (Math.max(...spots.map(({ row }) => row)) + 1) * STEP);
  const at = new Map(spots.map((spot) => [spot.node.name, place(spot)]));
  for (const link of topology.links) {
    const [a, b] = link.map(({ node }) => at.get(node));
    if (a !== undefined && b !== undefined) canvas.line(a, b, linkHealth(link, state) === "ill");
  }
  for (const spot of spots) canvas.text(place(spot), `[${spot.node.name}]`);
  return canvas.lines;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function place({ row, across }: Spot): Point {
  return { x: Math.round(across * (WIDTH - 1)), y: row * STEP };
}

/** Characters on squared paper. */
class Canvas {
  readonly #rows: string[][];

  constructor(width: number, height: number) {
    this.#rows = Array.from({ length: height }, () => Array.from({ length: width }, () => " "));
  }

  line(a: Point, b: Point, isDotted: boolean): void {
    const steps = Math.max(Math.abs(b.x - a.x), Math.abs(b.y - a.y), 1);
    const mark = isDotted ? "·" : slope(b.x - a.x, b.y - a.y);
    for (let i = 0; i <= steps; i += 1) {
      if (isDotted && i % 2 === 1) continue;
      this.#set(Math.round(a.x + ((b.x - a.x) * i) / steps), Math.round(a.y + ((b.y - a.y) * i) / steps), mark);
    }
  }

  text({ x, y }: Point, words: string): void {
    const left = Math.min(Math.max(0, x - Math.floor(words.length / 2)), WIDTH - words.length);
    for (const [i, letter] of [...words].entries()) this.#set(left + i, y, letter);
  }

  get lines(): readonly string[] {
    return this.#rows.map((row) => row.join("").trimEnd());
  }

  #set(x: number, y: number, mark: string): void {
    const row = this.#rows[y];
    if (row !== undefined && x >= 0 && x < row.length) row[x] = mark;
  }
}

/** Characters are twice as high as wide. */
function slope(dx: number, dy: number): string {
  if (dy === 0 || Math.abs(dx) > Math.abs(dy) * 4) return "-";
  if (Math.abs(dx) < Math.abs(dy) / 2) return "|";
  return dx > 0 === dy > 0 ? "\\" : "/";
}

function linkLines({ links }: Topology, state: LiveState | undefined): readonly string[] {
  return links.map((link) => {
    const [a = "", b = ""] = link.map(({ node, port }) => `${node}:${port}`);
    return `${a.padEnd(16)} -- ${b.padEnd(16)} ${MARKS[linkHealth(link, state)]}`.trimEnd();
  });
}

function programLines({ nodes }: Topology, { programs }: LiveState): readonly string[] {
  return nodes.flatMap(({ name }) => {
    const running = programs.get(name) ?? [];
    return running.length === 0 ? [] : [`${name.padEnd(16)} ${running.join(", ")}`];
  });
}

function sessionLines({ sessions }: LiveState): readonly string[] {
  return sessions.map((session) => {
    const ends = `session ${session.router} to ${session.neighbour}`;
    return `${ends.padEnd(36)} ${session.state}${sessionHealth(session) === "ill" ? "  <--" : ""}`;
  });
}
