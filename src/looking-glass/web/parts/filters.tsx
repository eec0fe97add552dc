import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons.tsx";

/** After the last letter, before the list is filtered. */
const SETTLE = 160;

/** A row of filters above a list. */
export function Filters({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <search class="filters" aria-label={label}>
      {children}
    </search>
  );
}

/** What is written is looked for, a moment after the last letter. */
export function TextFilter({
  label,
  value,
  change,
}: {
  readonly label: string;
  readonly value: string | undefined;
  readonly change: (value: string) => void;
}): JSX.Element {
  const [text, setText] = useState(value ?? "");
  const changed = useRef(change);
  changed.current = change;
  useEffect(() => setText(value ?? ""), [value]);
  useEffect(() => {
    if (text === (value ?? "")) return;
    const timer = setTimeout(() => changed.current(text), SETTLE);
    return () => clearTimeout(timer);
  }, [text, value]);
  return (
    <label class="text-filter">
      <Icon name="search" />
      <span class="hidden">{label}</span>
      <input
        type="search"
        placeholder={label}
        spellcheck={false}
        autocomplete="off"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
    </label>
  );
}

/** One of several, or all. */
export function Choice({
  label,
  all,
  value,
  options,
  change,
}: {
  readonly label: string;
  /** What no choice is called. */
  readonly all: string;
  readonly value: string | undefined;
  readonly options: readonly string[];
  readonly change: (value: string | undefined) => void;
}): JSX.Element {
  const known = value === undefined || options.includes(value) ? options : [value, ...options];
  return (
    <label class={`choice ${value === undefined ? "" : "choice-made"}`}>
      <span class="hidden">{label}</span>
      <select
        value={value ?? ""}
        onChange={({ currentTarget }) => change(currentTarget.value === "" ? undefined : currentTarget.value)}
      >
        <option value="">{all}</option>
        {known.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

/** One of a few that are all in sight. */
export function Segments<Value extends string>({
  label,
  value,
  options,
  change,
}: {
  readonly label: string;
  readonly value: Value | undefined;
  readonly options: readonly { readonly value: Value | undefined; readonly title: ComponentChildren }[];
  readonly change: (value: Value | undefined) => void;
}): JSX.Element {
  return (
    <fieldset class="segments">
      <legend class="hidden">{label}</legend>
      {options.map((option) => (
        <button
          key={option.value ?? ""}
          type="button"
          class="segment"
          aria-pressed={option.value === value}
          onClick={() => change(option.value)}
        >
          {option.title}
        </button>
      ))}
    </fieldset>
  );
}
