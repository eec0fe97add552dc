/** What the process under test can be told to do. */
export type SubjectTask =
  | { readonly type: "serve"; readonly port: number; readonly routes: number; readonly perSet?: number }
  | { readonly type: "dial"; readonly port: number; readonly peers: number; readonly routes: number }
  | {
      readonly type: "change";
      readonly port: number;
      readonly peers: number;
      readonly services: number;
      readonly changes: number;
    };
