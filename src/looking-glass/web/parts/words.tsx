import type { ComponentChildren, JSX } from "preact";
import type { ObjectName } from "../../../inspection/explain/finding.ts";
import type { Source } from "../../model.ts";
import type { Failure } from "../api.ts";
import { formatDuration, formatObject, formatTime } from "../format.ts";
import { useNow } from "../glass.ts";
import { hashOfObject, hashOfService } from "../route.ts";
import { Icon } from "./icons.tsx";
import { Mark } from "./marks.tsx";

/** How long ago that was. */
export function Ago({ at }: { readonly at: string | undefined }): JSX.Element {
  const then = Date.parse(at ?? "");
  const now = useNow(Date.now() - then > 600_000 ? 60_000 : 1000);
  if (at === undefined) return <span class="muted">–</span>;
  return (
    <time class="num nowrap" dateTime={at} title={new Date(at).toLocaleString()}>
      {formatDuration(now - then)}
    </time>
  );
}

/** When that was, to the second. */
export function At({ at }: { readonly at: string }): JSX.Element {
  return (
    <time class="num nowrap" dateTime={at} title={new Date(at).toLocaleString()}>
      {formatTime(at, Date.now())}
    </time>
  );
}

/** An object of the cluster, as a link where there is a page of it. */
export function ObjectRef({
  object,
  field,
}: {
  readonly object: ObjectName | undefined;
  readonly field?: string | undefined;
}): JSX.Element | null {
  if (object === undefined || object.name === "")
    return field === undefined ? null : <code class="field">{field}</code>;
  const href = hashOfObject(object);
  const name = formatObject(object);
  return (
    <span class="object">
      {href === undefined ? <span>{name}</span> : <a href={href}>{name}</a>}
      {field !== undefined && <code class="field">{field}</code>}
    </span>
  );
}

export function ServiceLink({ service }: { readonly service: string }): JSX.Element {
  return <a href={hashOfService(service)}>{service}</a>;
}

/** A few of many, and how many more. */
export function Few({
  items,
  most,
  mono = false,
}: {
  readonly items: readonly string[];
  readonly most: number;
  readonly mono?: boolean;
}): JSX.Element {
  if (items.length === 0) return <span class="muted">–</span>;
  const more = items.length - most;
  return (
    <span class={mono ? "mono" : ""} title={more > 0 ? items.join("\n") : undefined}>
      {items.slice(0, most).join(", ")}
      {more > 0 && <span class="muted"> +{more}</span>}
    </span>
  );
}

/** What stands where a document could not be loaded. */
export function Failed({ failure }: { readonly failure: Failure }): JSX.Element {
  return (
    <div class="notice notice-bad" role="alert">
      <Mark health="bad" />
      <p>
        {failure.message} <code class="muted">{failure.code}</code>
      </p>
    </div>
  );
}

/** The title of a page, what is to be done there, and one line beneath. */
export function PageHead({
  title,
  children,
  below,
}: {
  readonly title: ComponentChildren;
  readonly children?: ComponentChildren;
  readonly below?: ComponentChildren;
}): JSX.Element {
  return (
    <header class="page-head">
      <div class="page-title">
        <h1 tabIndex={-1}>{title}</h1>
        {below !== undefined && <div class="page-below muted">{below}</div>}
      </div>
      {children !== undefined && <div class="page-tools">{children}</div>}
    </header>
  );
}

/** Nodes that did not answer: what is shown of them is old. */
export function Silent({ sources }: { readonly sources: readonly Source[] }): JSX.Element | null {
  if (sources.length === 0) return null;
  return (
    <div class="notice notice-unknown">
      <Mark health="unknown" />
      <p>
        <strong>{sources.length === 1 ? "One does not answer" : `${sources.length} do not answer`}:</strong>{" "}
        {sources.slice(0, 4).map(({ name, message }) => (
          <span key={name} class="silent-name">
            {name}
            {message !== undefined && <span class="muted"> ({message})</span>}{" "}
          </span>
        ))}
        {sources.length > 4 && <span>and {sources.length - 4} more. </span>}
        What is shown of {sources.length === 1 ? "it" : "them"} is as it was seen last.
      </p>
    </div>
  );
}

/** What is wider than a phone scrolls by itself, also with the keyboard. */
export function Scroll({
  label,
  children,
}: {
  readonly label: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls with the arrows
    <section class="scroll" aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

/** Back to the list. */
export function Crumb({
  href,
  children,
}: {
  readonly href: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <a class="crumb" href={href}>
      <Icon name="chevron" />
      {children}
    </a>
  );
}

export function Loading(): JSX.Element {
  return (
    <div class="loading" aria-busy="true">
      <span class="skeleton" />
      <span class="skeleton" />
      <span class="skeleton" />
      <span class="hidden">loading</span>
    </div>
  );
}
