/** A file of the folder and the documents in it, as parsed from YAML or JSON. */
export interface ManifestSource {
  readonly file: string;
  readonly documents: readonly unknown[];
}

/** All that the folder says now, and what of it could not be read, in words with file and place. */
export interface FolderReading {
  readonly sources: readonly ManifestSource[];
  readonly faults: readonly string[];
}
