import type { InterfaceAddress, Interfaces, InterfaceView, Link } from "../../src/system/interfaces.ts";

/** Interfaces that change when the test says so. */
export class FakeInterfaces implements Interfaces {
  readonly #listeners = new Set<(view: InterfaceView) => void>();
  #view: InterfaceView = { links: new Map(), addresses: [] };

  get view(): InterfaceView {
    return this.#view;
  }

  /** How many are told of changes. */
  get listeners(): number {
    return this.#listeners.size;
  }

  onChange(changed: (view: InterfaceView) => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
  }

  /** Adds an interface, or changes one. */
  setLink(index: number, change: Partial<Link> = {}): void {
    const link: Link = {
      index,
      name: `eth${index}`,
      mac: Uint8Array.of(2, 0, 0, 0, 0, index),
      mtu: 1500,
      up: true,
      carrier: true,
      loopback: false,
      broadcast: true,
      resolves: true,
      operState: "up",
      master: undefined,
      parent: undefined,
      kind: undefined,
      ...this.#view.links.get(index),
      ...change,
    };
    this.#tell({ ...this.#view, links: new Map(this.#view.links).set(index, link) });
  }

  /** Takes an interface away, with its addresses. */
  removeLink(index: number): void {
    const links = new Map(this.#view.links);
    links.delete(index);
    this.#tell({ links, addresses: this.#view.addresses.filter((one) => one.interfaceIndex !== index) });
  }

  setAddresses(addresses: readonly InterfaceAddress[]): void {
    this.#tell({ ...this.#view, addresses });
  }

  #tell(view: InterfaceView): void {
    this.#view = view;
    for (const listener of this.#listeners) listener(view);
  }
}
