import type { TopologyLink } from "../model.ts";

/** Where something is drawn. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** More lines than these at rest are a tangle. */
const MOST_AT_REST = { sessions: 60, announcements: 40 };

/**
 * The links to draw: few enough to follow with the eye, the worst on top. Where there are too many, of the sessions those that are not
 * good, of the announcements none; and always those of what is pointed at.
 */
export function linksToDraw(
  links: readonly TopologyLink[],
  near: ReadonlySet<string> | undefined,
): readonly TopologyLink[] {
  const isNear = ({ from, to }: TopologyLink): boolean => near?.has(from) === true && near.has(to);
  const isAmiss = ({ health }: TopologyLink): boolean => health === "bad" || health === "doubtful";
  const sessions = links.filter(({ kind }) => kind === "session");
  const announcements = links.filter(({ kind }) => kind !== "session");
  const few = sessions.length <= MOST_AT_REST.sessions;
  const shown = [
    ...announcements.filter((link) => announcements.length <= MOST_AT_REST.announcements || isNear(link)),
    ...sessions.filter((link) => few || isNear(link) || (near === undefined && isAmiss(link))),
  ];
  return shown.toSorted((x, y) => Number(isNear(x)) - Number(isNear(y)) || Number(isAmiss(x)) - Number(isAmiss(y)));
}

/** What is drawn brightly when the reader points at this: itself, and all it has a link with, through the nodes. */
export function neighbours(
  links: readonly TopologyLink[],
  id: string,
  nodes: ReadonlySet<string>,
): ReadonlySet<string> {
  const near = new Set([id]);
  for (const { from, to } of links) {
    if (from === id) near.add(to);
    if (to === id) near.add(from);
  }
  if (nodes.has(id)) return near;
  const through = [...near].filter((one) => nodes.has(one));
  const isService = links.some(({ from, kind }) => from === id && kind !== "session");
  for (const { from, to, kind } of links) if (isService && kind === "session" && through.includes(from)) near.add(to);
  return near;
}

/** A line from the lower edge of the upper box to the upper edge of the lower one; `shift` keeps two lines apart. */
export function lineBetween(a: Box, b: Box, shift: number): string {
  const [upper, lower] = a.top <= b.top ? [a, b] : [b, a];
  const x1 = upper.left + upper.width / 2 + shift;
  const y1 = upper.top + upper.height;
  const x2 = lower.left + lower.width / 2 + shift;
  const y2 = lower.top;
  const bend = Math.max(16, (y2 - y1) * 0.45);
  return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
}
