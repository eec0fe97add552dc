import type { LabNode, Topology } from "../clab.ts";
import { layOut, type Spot } from "./layout.ts";
import { type Health, type LiveState, linkHealth, type Session, sessionHealth } from "./state.ts";

const WIDTH = 960;
const ROW = 130;
const MARGIN = 60;
const BOX = { width: 112, height: 44 } as const;
const BEND = 30;
const COLOURS: Readonly<Record<Health, string>> = { well: "#2e7d32", ill: "#c62828", unknown: "#78909c" };
const FILLS: Readonly<Record<string, string>> = {
  frr: "#e3f2fd",
  speaker: "#e8f5e9",
  "control-plane": "#f3e5f5",
  pod: "#fff8e1",
  client: "#eceff1",
};

/** A topology as an SVG picture: links in the colour of their state, sessions as curves beside them. */
export function drawSvg(topology: Topology, state: LiveState | undefined): string {
  const spots = layOut(topology);
  const at = new Map(spots.map((spot) => [spot.node.name, place(spot)]));
  const height = (Math.max(...spots.map(({ row }) => row)) + 1) * ROW + MARGIN;
  const links = topology.links.flatMap((link) => linkShape(link, at, linkHealth(link, state)));
  const sessions = (state?.sessions ?? []).flatMap((session) => sessionShape(session, at));
  const boxes = spots.flatMap(({ node }) => boxShape(node, at, state));
  const heading = `${topology.name}${state === undefined ? " (not up)" : ""}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${escaped(heading)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    `<text x="16" y="24" font-size="16">${escaped(heading)}</text>`,
    ...links,
    ...sessions,
    ...boxes,
    "</svg>",
    "",
  ].join("\n");
}

interface Point {
  readonly x: number;
  readonly y: number;
}
type Places = ReadonlyMap<string, Point>;

function place({ row, across }: Spot): Point {
  return { x: Math.round(across * WIDTH), y: MARGIN + 10 + row * ROW };
}

function linkShape(link: Topology["links"][number], at: Places, health: Health): readonly string[] {
  const [a, b] = link.map(({ node }) => at.get(node));
  if (a === undefined || b === undefined) return [];
  const dashes = health === "ill" ? ' stroke-dasharray="3 5"' : "";
  const line = `<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="${COLOURS[health]}" stroke-width="2"${dashes}/>`;
  return [line, portLabel(link[0].port, a, b), portLabel(link[1].port, b, a)];
}

/** Near its own end of the link. */
function portLabel(port: string, own: Point, other: Point): string {
  const x = Math.round(own.x + (other.x - own.x) * 0.3);
  const y = Math.round(own.y + (other.y - own.y) * 0.3);
  return `<text x="${x + 4}" y="${y}" font-size="10" fill="#546e7a" stroke="#ffffff" stroke-width="3" paint-order="stroke">${escaped(port)}</text>`;
}

function sessionShape(session: Session, at: Places): readonly string[] {
  const [a, b] = [at.get(session.router), at.get(session.neighbour)];
  if (a === undefined || b === undefined) return [];
  // Beside the link, not on it.
  const length = Math.max(1, Math.hypot(b.x - a.x, b.y - a.y));
  const bend = {
    x: Math.round((a.x + b.x) / 2 - (BEND * (b.y - a.y)) / length),
    y: Math.round((a.y + b.y) / 2 + (BEND * (b.x - a.x)) / length),
  };
  const path = `M${a.x} ${a.y} Q${bend.x} ${bend.y} ${b.x} ${b.y}`;
  const title = `<title>${escaped(`${session.router} to ${session.neighbour}: ${session.state}`)}</title>`;
  return [
    `<path d="${path}" fill="none" stroke="${COLOURS[sessionHealth(session)]}" stroke-dasharray="2 3">${title}</path>`,
  ];
}

function boxShape({ name, role }: LabNode, at: Places, state: LiveState | undefined): readonly string[] {
  const centre = at.get(name);
  if (centre === undefined) return [];
  const [x, y] = [centre.x - BOX.width / 2, centre.y - BOX.height / 2];
  const running = (state?.programs.get(name) ?? []).join(" ");
  return [
    `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6" fill="${FILLS[role ?? ""] ?? "#ffffff"}" stroke="#455a64"/>`,
    `<text x="${centre.x}" y="${centre.y - 3}" text-anchor="middle" font-weight="bold">${escaped(name)}</text>`,
    `<text x="${centre.x}" y="${centre.y + 13}" text-anchor="middle" font-size="10">${escaped(running || (role ?? ""))}</text>`,
  ];
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
