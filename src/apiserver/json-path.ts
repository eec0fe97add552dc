import { asArray, isObject } from "./json.ts";

type Step = (values: readonly unknown[]) => readonly unknown[];

const TOKEN = /\.?\["?'?([^\]"']+)"?'?\]|\.\.|\.?((?:\\.|[^.[\]])+)/y;
const FILTER = /^\?\(\s*@((?:\.[\w-]+)+)\s*==\s*(.+?)\s*\)$/;

function member(name: string): Step {
  return (values) => values.flatMap((value) => (isObject(value) && value[name] !== undefined ? [value[name]] : []));
}

function all(values: readonly unknown[]): readonly unknown[] {
  return values.flatMap((value) => (Array.isArray(value) ? value : isObject(value) ? Object.values(value) : []));
}

function index(position: number): Step {
  return (values) =>
    values.flatMap((value) => (Array.isArray(value) ? [value.at(position)] : [])).filter((v) => v !== undefined);
}

function filter(path: string, literal: string): Step {
  const wanted = literal.replace(/^["']|["']$/g, "");
  const find = path
    .split(".")
    .slice(1)
    .map((name) => member(name));
  const read = (entry: unknown): unknown => find.reduce<readonly unknown[]>((values, step) => step(values), [entry])[0];
  return (values) => values.flatMap(asArray).filter((entry) => String(read(entry)) === wanted);
}

function bracket(inside: string): Step {
  if (inside === "*") return all;
  if (/^-?\d+$/.test(inside)) return index(Number(inside));
  const [, path, literal] = FILTER.exec(inside) ?? [];
  return path === undefined || literal === undefined ? member(inside) : filter(path, literal);
}

/**
 * Compiles the part of JSONPath that printer columns use: members (dots escaped with a backslash), `[n]`, `[*]`, and
 * `[?(@.a=="b")]`. The result is every match.
 */
export function compileJsonPath(path: string): (root: unknown) => readonly unknown[] {
  const steps: Step[] = [];
  let rest = path.trim().replace(/^\{|\}$/g, "");
  while (rest !== "" && rest !== ".") {
    const filtered = /^\.?\[(\?\(.*?\))\]/.exec(rest);
    if (filtered !== null) {
      steps.push(bracket(filtered[1] ?? ""));
      rest = rest.slice(filtered[0].length);
      continue;
    }
    TOKEN.lastIndex = 0;
    const token = TOKEN.exec(rest);
    if (token === null || token[0] === "") break;
    steps.push(token[1] === undefined ? named(token[2] ?? "") : bracket(token[1]));
    rest = rest.slice(token[0].length);
  }
  return (root) => steps.reduce<readonly unknown[]>((values, step) => step(values), [root]);
}

function named(text: string): Step {
  const name = text.replaceAll(/\\(.)/g, "$1");
  return name === "*" ? all : member(name);
}
