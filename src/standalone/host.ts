/** What this host is to the folder. */
export interface Host {
  /** Namespace of pools, peers and advertisements. */
  readonly namespace: string;
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
}
