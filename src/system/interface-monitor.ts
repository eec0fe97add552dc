import { type InterfaceNews, interfaceNews } from "./interface-messages.ts";
import type { InterfaceAddress, Interfaces, InterfaceView, Link } from "./interfaces.ts";
import { RTNETLINK } from "./native/linux.ts";
import { MessageBuffer, type NativeSocket, type NativeSockets, SocketError } from "./native/socket.ts";
import { NETLINK_ROOM, type NetlinkMessage, netlinkMessages, netlinkRequest, openNetlink } from "./netlink.ts";

const { message, flags, groups } = RTNETLINK;
/** What is asked for, one after the other: the kernel serves one dump at a time. */
const DUMPS = [message.getLink, message.getAddress] as const;
const REQUEST_BODY = new Uint8Array(16);

/** The kernel's interfaces by rtnetlink: one listing, then events; listed again when events were lost. No capability is needed. */
export class InterfaceMonitor implements Interfaces {
  readonly #socket: NativeSocket;
  readonly #buffer = new MessageBuffer(NETLINK_ROOM);
  readonly #listeners = new Set<(view: InterfaceView) => void>();
  readonly #links = new Map<number, Link>();
  readonly #addresses = new Map<string, InterfaceAddress>();
  readonly #whenListed: (() => void)[] = [];
  #view: InterfaceView = { links: new Map(), addresses: [] };
  /** What the listing under way has shown; undefined when there is none. */
  #listing: { step: number; stale: boolean; readonly seen: Set<string> } | undefined;
  #sequence = 0;

  /** @throws NativeMissing, SocketError */
  constructor(sockets: NativeSockets) {
    this.#socket = openNetlink(sockets, groups.link | groups.ipv4Address | groups.ipv6Address);
    this.#socket.onReadable(() => this.#receive());
    this.#list();
  }

  get view(): InterfaceView {
    return this.#view;
  }

  onChange(changed: (view: InterfaceView) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Resolves when the view is complete for the first time, or again after events were lost. */
  listed(): Promise<void> {
    return this.#listing === undefined ? Promise.resolve() : new Promise((resolve) => this.#whenListed.push(resolve));
  }

  close(): void {
    this.#listeners.clear();
    this.#socket.close();
  }

  #list(): void {
    this.#listing = { step: 0, stale: false, seen: new Set() };
    this.#request();
  }

  #request(): void {
    const type = DUMPS[this.#listing?.step ?? 0] ?? message.getLink;
    this.#socket.send(netlinkRequest(type, REQUEST_BODY, { flags: flags.dump, sequence: ++this.#sequence }));
  }

  #receive(): void {
    let changed = false;
    try {
      while (this.#socket.receive(this.#buffer)) {
        for (const one of netlinkMessages(this.#buffer.message)) changed = this.#take(one) || changed;
      }
    } catch (error) {
      // ENOBUFS: events came faster than they were taken, and some are lost.
      if (!(error instanceof SocketError) || error.errno !== "ENOBUFS") throw error;
      if (this.#listing === undefined) this.#list();
      else this.#listing.stale = true;
    }
    if (changed && this.#listing === undefined) this.#publish();
  }

  /** True when the view may be another one now. */
  #take(one: NetlinkMessage): boolean {
    if (one.sequence === this.#sequence && this.#listing !== undefined) {
      if ((one.flags & flags.dumpInterrupted) !== 0) this.#listing.stale = true;
      if (one.type === message.error) throw new SocketError("rtnetlink", one.body.i32(0));
      if (one.type === message.done) return this.#onDone();
    }
    const news = interfaceNews(one);
    if (news === undefined) return false;
    this.#apply(news);
    return true;
  }

  #onDone(): boolean {
    const listing = this.#listing;
    if (listing === undefined) return false;
    listing.step++;
    if (listing.step < DUMPS.length) {
      this.#request();
      return false;
    }
    if (listing.stale) {
      this.#list();
      return false;
    }
    this.#listing = undefined;
    for (const [index] of this.#links) if (!listing.seen.has(`${index}`)) this.#links.delete(index);
    for (const [key] of this.#addresses) if (!listing.seen.has(key)) this.#addresses.delete(key);
    return true;
  }

  #apply(news: InterfaceNews): void {
    switch (news.type) {
      case "link":
        this.#links.set(news.link.index, news.link);
        this.#listing?.seen.add(`${news.link.index}`);
        return;
      case "link-gone":
        this.#links.delete(news.index);
        for (const [key, { interfaceIndex }] of this.#addresses)
          if (interfaceIndex === news.index) this.#addresses.delete(key);
        return;
      case "address":
        this.#addresses.set(keyOf(news.address), news.address);
        this.#listing?.seen.add(keyOf(news.address));
        return;
      case "address-gone":
        this.#addresses.delete(keyOf(news.address));
        return;
    }
  }

  #publish(): void {
    this.#view = { links: new Map(this.#links), addresses: [...this.#addresses.values()] };
    for (const resolve of this.#whenListed.splice(0)) resolve();
    for (const listener of this.#listeners) listener(this.#view);
  }
}

function keyOf({ interfaceIndex, address, prefixLength }: InterfaceAddress): string {
  return `${interfaceIndex} ${address}/${prefixLength}`;
}
