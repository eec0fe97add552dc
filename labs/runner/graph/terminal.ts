import type { Topology } from "../clab.ts";
import { layOut, type Spot } from "./layout.ts";
import { type Health, type LiveState, linkHealth, sessionHealth } from "./state.ts";

const WIDTH = 96;
/** Lines from one row of nodes to the next. */
const STEP = 4;
const MARKS: Readonly<Record<Health, string>> = { well: "up", ill: "DOWN", unknown: "" };

/** A topology as text: the picture, then every link and session. A link that is down has gaps. */
export function drawText(topology: Topology, state: LiveState | undefined): string {
  const lines = [...picture(topology, state), "", ...linkLines(topology, state)];
  if (state !== undefined) lines.push("", ...programLines(topology, state), "", ...sessionLines(state));
  return `${lines.join("\n").trimEnd()}\n`;
}

function picture(topology: Topology, state: LiveState | undefined): readonly string[] {
  const spots = layOut(topology);
  const canvas = new Canvas(WIDTH, Math.max(...spots.map(({ row }) => row)) * STEP + 1);
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

/** The dots of a braille character by their place in it, two across and four down; U+2800 is the one without a dot. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;
const NO_DOT = 0x2800;
const ACROSS = 2;
const DOWN = 4;

/** Characters with lines behind them, which are drawn in the dots of braille characters. */
class Canvas {
  readonly #dots: number[][];
  readonly #words: string[][];

  constructor(width: number, height: number) {
    this.#dots = Array.from({ length: height }, () => Array.from({ length: width }, () => 0));
    this.#words = Array.from({ length: height }, () => []);
  }

  line(from: Point, to: Point, isDotted: boolean): void {
    const [dx, dy] = [(to.x - from.x) * ACROSS, (to.y - from.y) * DOWN];
    const steps = Math.max(Math.abs(dx), Math.abs(dy), 1);
    for (let i = 0; i <= steps; i += isDotted ? 4 : 1) {
      this.#dot(Math.round(from.x * ACROSS + (dx * i) / steps), Math.round(from.y * DOWN + (dy * i) / steps));
    }
  }

  text({ x, y }: Point, words: string): void {
    const left = Math.min(Math.max(0, x - Math.floor(words.length / 2)), WIDTH - words.length);
    const row = this.#words[y];
    if (row !== undefined) for (const [i, letter] of [...words].entries()) row[left + i] = letter;
  }

  get lines(): readonly string[] {
    return this.#dots.map((row, y) =>
      row
        .map((dots, x) => this.#words[y]?.[x] ?? (dots === 0 ? " " : String.fromCodePoint(NO_DOT + dots)))
        .join("")
        .trimEnd(),
    );
  }

  #dot(x: number, y: number): void {
    const row = this.#dots[Math.floor(y / DOWN)];
    const column = Math.floor(x / ACROSS);
    const before = row?.[column];
    if (row !== undefined && before !== undefined) row[column] = before | (DOTS[y % DOWN]?.[x % ACROSS] ?? 0);
  }
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
