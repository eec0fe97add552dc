/** What a subtree says about itself, from its own entry and its children: lets a search skip whole subtrees. */
export type Summarize<V, S> = (value: V, left: S | undefined, right: S | undefined) => S;

interface Node<V, S> {
  readonly key: bigint;
  readonly value: V;
  readonly left: Node<V, S> | undefined;
  readonly right: Node<V, S> | undefined;
  readonly size: number;
  readonly summary: S;
}
type Tree<V, S> = Node<V, S> | undefined;

export interface Entry<V> {
  readonly key: bigint;
  readonly value: V;
}

/** One subtree may hold at most this many times the entries of its sibling (Hirai and Yamamoto, "Balancing weight-balanced trees"). */
const DELTA = 3;
/** Below this ratio of inner to outer grandchild a single rotation restores the balance. */
const GAMMA = 2;

/**
 * A map from bigint to V in key order: a weight-balanced tree, so every operation is O(log n) in the worst case and not
 * only on average. Nodes are never changed, only replaced along one path.
 */
export class OrderedTree<V, S> {
  readonly #summarize: Summarize<V, S>;
  #root: Tree<V, S>;

  constructor(summarize: Summarize<V, S>) {
    this.#summarize = summarize;
  }

  get size(): number {
    return sizeOf(this.#root);
  }

  get(key: bigint): V | undefined {
    let node = this.#root;
    while (node !== undefined && node.key !== key) node = key < node.key ? node.left : node.right;
    return node?.value;
  }

  set(key: bigint, value: V): void {
    this.#root = this.#insert(this.#root, key, value);
  }

  delete(key: bigint): void {
    this.#root = this.#remove(this.#root, key);
  }

  /** The entry with the greatest key that is not above `key`. */
  floor(key: bigint): Entry<V> | undefined {
    let node = this.#root;
    let best: Entry<V> | undefined;
    while (node !== undefined) {
      if (node.key === key) return node;
      if (node.key < key) best = node;
      node = node.key < key ? node.right : node.left;
    }
    return best;
  }

  /** The entry with the least key above `key`. */
  above(key: bigint): Entry<V> | undefined {
    let node = this.#root;
    let best: Entry<V> | undefined;
    while (node !== undefined) {
      if (node.key > key) best = node;
      node = node.key > key ? node.left : node.right;
    }
    return best;
  }

  /** The entry with the least key that `accepts`; a subtree whose summary is `hopeless` is not looked into. */
  first(hopeless: (summary: S) => boolean, accepts: (value: V) => boolean): Entry<V> | undefined {
    const visit = (node: Tree<V, S>): Entry<V> | undefined => {
      if (node === undefined || hopeless(node.summary)) return undefined;
      return visit(node.left) ?? (accepts(node.value) ? node : visit(node.right));
    };
    return visit(this.#root);
  }

  /** All entries, keys ascending. */
  *entries(): Generator<Entry<V>> {
    const path: Node<V, S>[] = [];
    let node = this.#root;
    while (node !== undefined || path.length > 0) {
      for (; node !== undefined; node = node.left) path.push(node);
      const next = path.pop();
      if (next === undefined) return;
      yield next;
      node = next.right;
    }
  }

  #node(entry: Entry<V>, left: Tree<V, S>, right: Tree<V, S>): Node<V, S> {
    const summary = this.#summarize(entry.value, left?.summary, right?.summary);
    return { key: entry.key, value: entry.value, left, right, size: sizeOf(left) + sizeOf(right) + 1, summary };
  }

  #insert(node: Tree<V, S>, key: bigint, value: V): Node<V, S> {
    if (node === undefined) return this.#node({ key, value }, undefined, undefined);
    if (key < node.key) return this.#balanced(node, this.#insert(node.left, key, value), node.right);
    if (key > node.key) return this.#balanced(node, node.left, this.#insert(node.right, key, value));
    return this.#node({ key, value }, node.left, node.right);
  }

  #remove(node: Tree<V, S>, key: bigint): Tree<V, S> {
    if (node === undefined) return undefined;
    if (key < node.key) return this.#balanced(node, this.#remove(node.left, key), node.right);
    if (key > node.key) return this.#balanced(node, node.left, this.#remove(node.right, key));
    if (node.left === undefined) return node.right;
    if (node.right === undefined) return node.left;
    let heir = node.right;
    while (heir.left !== undefined) heir = heir.left;
    return this.#balanced(heir, node.left, this.#remove(node.right, heir.key));
  }

  #balanced(entry: Entry<V>, left: Tree<V, S>, right: Tree<V, S>): Node<V, S> {
    const [leftSize, rightSize] = [sizeOf(left), sizeOf(right)];
    if (leftSize + rightSize > 1) {
      if (right !== undefined && rightSize > DELTA * leftSize) return this.#leanLeft(entry, left, right);
      if (left !== undefined && leftSize > DELTA * rightSize) return this.#leanRight(entry, left, right);
    }
    return this.#node(entry, left, right);
  }

  #leanLeft(entry: Entry<V>, left: Tree<V, S>, right: Node<V, S>): Node<V, S> {
    const inner = right.left;
    if (inner === undefined || inner.size < GAMMA * sizeOf(right.right)) {
      return this.#node(right, this.#node(entry, left, inner), right.right);
    }
    return this.#node(inner, this.#node(entry, left, inner.left), this.#node(right, inner.right, right.right));
  }

  #leanRight(entry: Entry<V>, left: Node<V, S>, right: Tree<V, S>): Node<V, S> {
    const inner = left.right;
    if (inner === undefined || inner.size < GAMMA * sizeOf(left.left)) {
      return this.#node(left, left.left, this.#node(entry, inner, right));
    }
    return this.#node(inner, this.#node(left, left.left, inner.left), this.#node(entry, inner.right, right));
  }
}

function sizeOf<V, S>(tree: Tree<V, S>): number {
  return tree === undefined ? 0 : tree.size;
}
