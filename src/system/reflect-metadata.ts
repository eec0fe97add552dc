type Metadata = Map<unknown, unknown>;

const METADATA = new WeakMap<object, Metadata>();

/**
 * The three functions of the Reflect metadata proposal that the container inside `@peculiar/x509` asks for, unless something else
 * brought them: its own list of polyfills would be one more dependency for a map.
 */
export function provideReflectMetadata(): void {
  if ("getMetadata" in Reflect) return;
  const own = (key: unknown, target: object): unknown => METADATA.get(target)?.get(key);
  Object.assign(Reflect, {
    getMetadata: own,
    getOwnMetadata: own,
    defineMetadata: (key: unknown, value: unknown, target: object): void => {
      const known: Metadata = METADATA.get(target) ?? new Map();
      METADATA.set(target, known.set(key, value));
    },
  });
}
