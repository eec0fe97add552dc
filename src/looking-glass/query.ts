import { PeerError } from "../wire/errors.ts";

/** A question that is none. */
export class BadQuestion extends PeerError {
  readonly code = "ERR_UI_BAD_REQUEST";
}

/** There is nothing of that name. */
export class NothingThere extends PeerError {
  readonly code = "ERR_UI_NOT_FOUND";
}

const MOST_TEXT = 512;

/** The parameters of a question, read as what they have to be. */
export class Query {
  readonly #values: URLSearchParams;

  constructor(text: string) {
    this.#values = new URLSearchParams(text);
  }

  /** Undefined where it is not given, or empty. @throws {BadQuestion} */
  text(name: string): string | undefined {
    const value = this.#values.get(name) ?? "";
    if (value.length > MOST_TEXT) throw new BadQuestion(`${name}: too long`);
    return value === "" ? undefined : value;
  }

  texts(name: string): readonly string[] {
    return this.#values.getAll(name).filter((value) => value !== "");
  }

  /** @throws {BadQuestion} */
  number(name: string, { usual, most }: { readonly usual: number; readonly most: number }): number {
    const value = this.text(name);
    if (value === undefined) return usual;
    if (!/^\d{1,15}$/.test(value)) throw new BadQuestion(`${name}: want a number`);
    return Math.min(Number(value), most);
  }

  /** @throws {BadQuestion} */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    const found = choices.find((one) => one === value);
    if (value !== undefined && found === undefined) throw new BadQuestion(`${name}: want one of ${choices.join(", ")}`);
    return found;
  }
}
