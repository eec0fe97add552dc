import { at } from "./json.ts";
import type { KubeObject } from "./object.ts";
import { badRequest } from "./status.ts";

/** Decides whether an object belongs to a list or watch. */
export type Predicate = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;
type LabelTest = (labels: Labels) => boolean;

const KEY = "[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?";
const VALUE = "[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?|";
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${KEY})\\s*(==|=|!=)\\s*(${VALUE})$`);
const ORDER = new RegExp(`^(${KEY})\\s*([<>])\\s*(-?\\d+)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);

/** Splits at the commas that are not inside parentheses. */
function requirements(text: string): readonly string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function setTest(key: string, operator: string, list: string): LabelTest {
  const values = new Set(list.split(",").map((value) => value.trim()));
  const wanted = operator === "in";
  return (labels) => {
    const value = labels[key];
    return value === undefined ? !wanted : values.has(value) === wanted;
  };
}

function orderTest(key: string, operator: string, bound: number): LabelTest {
  return (labels) => {
    const value = labels[key];
    if (value === undefined || !/^-?\d+$/.test(value)) return false;
    return operator === "<" ? Number(value) < bound : Number(value) > bound;
  };
}

function labelTest(requirement: string): LabelTest | undefined {
  const set = SET.exec(requirement);
  if (set !== null) return setTest(set[1] ?? "", set[2] ?? "", set[3] ?? "");
  const equality = EQUALITY.exec(requirement);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return (labels) => (labels[key] === value) === (operator !== "!=");
  }
  const order = ORDER.exec(requirement);
  if (order !== null) return orderTest(order[1] ?? "", order[2] ?? "", Number(order[3]));
  const exists = EXISTS.exec(requirement);
  if (exists === null) return undefined;
  const [, not, key = ""] = exists;
  return (labels) => (labels[key] !== undefined) === (not === "");
}

/**
 * Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,n>3`.
 * @throws ApiError 400 when it cannot be read.
 */
export function parseLabelSelector(text: string): Predicate | undefined {
  const tests = requirements(text).map((requirement) => {
    const test = labelTest(requirement);
    if (test === undefined) throw badRequest(`unable to parse requirement: ${requirement}`);
    return test;
  });
  if (tests.length === 0) return undefined;
  return (object) => tests.every((test) => test(object.metadata.labels ?? {}));
}

const FIELD = /^([^=!]+?)\s*(==|=|!=)\s*(.*)$/;

/**
 * Parses `metadata.name=a,spec.nodeName!=b`; a missing field counts as the empty string.
 * @throws ApiError 400 when it cannot be read, or names a field this kind cannot be selected by.
 */
export function parseFieldSelector(text: string, selectable: readonly string[]): Predicate | undefined {
  const tests = requirements(text).map((requirement): Predicate => {
    const [, field = "", operator, value = ""] = FIELD.exec(requirement) ?? [];
    if (operator === undefined) throw badRequest(`invalid field selector: ${requirement}`);
    if (!selectable.includes(field)) throw badRequest(`field label not supported: ${field}`);
    const path = field.split(".");
    return (object) => (String(at(object, ...path) ?? "") === value) === (operator !== "!=");
  });
  return tests.length === 0 ? undefined : (object) => tests.every((test) => test(object));
}
