import { describe, expect, test } from "vitest";
import { humanDuration } from "../../src/apiserver/age.ts";
import * as columns from "../../src/apiserver/builtin/columns.ts";
import { compileJsonPath } from "../../src/apiserver/json-path.ts";
import { parseObject } from "../../src/apiserver/object.ts";
import { compareVersions } from "../../src/apiserver/registry.ts";
import type { Column } from "../../src/apiserver/resource.ts";

const now = new Date("2026-11-22T10:00:00Z");
const creationTimestamp = "2026-11-22T09:55:00Z";

function cells(kind: string, rows: readonly Column[], body: object, metadata: object = {}): readonly unknown[] {
  const object = parseObject({
    apiVersion: "v1",
    kind,
    metadata: { name: "x", creationTimestamp, ...metadata },
    ...body,
  });
  return rows.map((column) => column.cell(object, now));
}

describe("humanDuration(): as kubectl rounds it", () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  test.each([
    [-5 * second, "<invalid>"],
    [0, "0s"],
    [119 * second, "119s"],
    [2 * minute, "2m"],
    [4 * minute + 10 * second, "4m10s"],
    [25 * minute, "25m"],
    [179 * minute, "179m"],
    [3 * hour, "3h"],
    [5 * hour + 3 * minute, "5h3m"],
    [30 * hour, "30h"],
    [2 * day + 4 * hour, "2d4h"],
    [40 * day, "40d"],
    [800 * day, "2y70d"],
  ])("%i ms is %s", (ms, expected) => {
    expect(humanDuration(ms)).toBe(expected);
  });
});

describe("compileJsonPath()", () => {
  const object = {
    spec: {
      size: 1,
      list: [
        { name: "a", v: 1 },
        { name: "b", v: 2 },
      ],
      "dotted.name": "d",
    },
    status: { conditions: [{ type: "Ready", status: "True" }] },
  };
  test.each<[string, readonly unknown[]]>([
    [".spec.size", [1]],
    ["{.spec.size}", [1]],
    [".spec.none", []],
    [".spec.list[*].name", ["a", "b"]],
    [".spec.list[1].v", [2]],
    [".spec.list[-1:].name", []],
    [".spec.dotted\\.name", ["d"]],
    [".spec['dotted.name']", ["d"]],
    ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
    [".status.conditions[?(@.type=='Other')].status", []],
  ])("%s", (path, expected) => {
    expect(compileJsonPath(path)(object)).toEqual(expected);
  });
});

describe("the rows kubectl shows", () => {
  const ports = [
    { port: 80, nodePort: 30080, protocol: "TCP" },
    { port: 53, protocol: "UDP" },
  ];
  test.each<[string, object, readonly unknown[]]>([
    [
      "pending",
      { spec: { type: "LoadBalancer", clusterIP: "10.0.0.1", ports } },
      ["x", "LoadBalancer", "10.0.0.1", "<pending>", "80:30080/TCP,53/UDP", "5m", "<none>"],
    ],
    [
      "balanced",
      {
        spec: { type: "LoadBalancer", clusterIP: "10.0.0.1", ports, selector: { b: "2", a: "1" } },
        status: { loadBalancer: { ingress: [{ ip: "192.0.2.9" }, { ip: "192.0.2.10" }, { hostname: "h" }] } },
      },
      ["x", "LoadBalancer", "10.0.0.1", "192.0.2.10,192.0.2.9,h", "80:30080/TCP,53/UDP", "5m", "a=1,b=2"],
    ],
    [
      "external",
      { spec: { type: "ExternalName", externalName: "e.example" } },
      ["x", "ExternalName", "<none>", "e.example", "<none>", "5m", "<none>"],
    ],
    [
      "with external IPs",
      { spec: { type: "ClusterIP", clusterIP: "None", externalIPs: ["192.0.2.1"] } },
      ["x", "ClusterIP", "None", "192.0.2.1", "<none>", "5m", "<none>"],
    ],
  ])("Service: %s", (_name, body, expected) => {
    expect(cells("Service", columns.serviceColumns, body)).toEqual(expected);
  });

  test.each<[string, object, object, readonly unknown[]]>([
    [
      "ready",
      {},
      { conditions: [{ type: "Ready", status: "True" }], nodeInfo: { kubeletVersion: "v1.35.0" } },
      ["x", "Ready", "<none>", "5m", "v1.35.0"],
    ],
    [
      "cordoned",
      { unschedulable: true },
      { conditions: [{ type: "Ready", status: "False" }] },
      ["x", "NotReady,SchedulingDisabled", "<none>", "5m", ""],
    ],
    ["unknown", {}, {}, ["x", "Unknown", "<none>", "5m", ""]],
  ])("Node: %s", (_name, spec, status, expected) => {
    expect(cells("Node", columns.nodeColumns, { spec, status }).slice(0, 5)).toEqual(expected);
  });

  test("Node: roles and addresses", () => {
    const labels = { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "" };
    const addresses = [{ type: "InternalIP", address: "10.0.0.1" }];
    const row = cells("Node", columns.nodeColumns, { status: { addresses } }, { labels });
    expect([row[2], row[5], row[6]]).toEqual(["control-plane,worker", "10.0.0.1", "<none>"]);
  });

  test("Pod", () => {
    const body = {
      spec: { nodeName: "n1", containers: [{ name: "a" }, { name: "b" }] },
      status: {
        phase: "Running",
        podIP: "10.1.0.1",
        containerStatuses: [
          { ready: true, restartCount: 2 },
          { ready: false, restartCount: 1 },
        ],
      },
    };
    expect(cells("Pod", columns.podColumns, body).slice(0, 7)).toEqual([
      "x",
      "1/2",
      "Running",
      "3",
      "5m",
      "10.1.0.1",
      "n1",
    ]);
    expect(cells("Pod", columns.podColumns, body, { deletionTimestamp: creationTimestamp })[2]).toBe("Terminating");
  });

  test("EndpointSlice: three addresses and how many more", () => {
    const endpoints = ["1", "2", "3", "4", "5"].map((n) => ({ addresses: [`10.0.0.${n}`] }));
    const body = { addressType: "IPv4", ports: [{ port: 80 }], endpoints };
    expect(cells("EndpointSlice", columns.endpointSliceColumns, body)).toEqual([
      "x",
      "IPv4",
      "80",
      "10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...",
      "5m",
    ]);
    expect(cells("EndpointSlice", columns.endpointSliceColumns, { endpoints: [] }).slice(2, 4)).toEqual([
      "<unset>",
      "<unset>",
    ]);
  });

  test("Event", () => {
    const body = {
      type: "Warning",
      reason: "R",
      message: " text\n",
      involvedObject: { kind: "Service", name: "web" },
      lastTimestamp: creationTimestamp,
    };
    const shown = columns.eventColumns.filter((column) => column.priority === 0);
    expect(cells("Event", shown, body)).toEqual(["5m", "Warning", "R", "service/web", "text"]);
  });

  test("Secret, ConfigMap, Lease", () => {
    expect(cells("Secret", columns.secretColumns, { type: "Opaque", data: { a: "", b: "" } })).toEqual([
      "x",
      "Opaque",
      2,
      "5m",
    ]);
    expect(cells("ConfigMap", columns.configMapColumns, { data: { a: "" }, binaryData: { b: "" } })).toEqual([
      "x",
      2,
      "5m",
    ]);
    expect(cells("Lease", columns.leaseColumns, { spec: { holderIdentity: "n1" } })).toEqual(["x", "n1", "5m"]);
  });
});

test("versions are preferred as Kubernetes orders them", () => {
  const shuffled = ["v1beta1", "foo", "v1", "v11alpha2", "v2", "v1beta2", "v10", "bar"];
  expect(shuffled.sort(compareVersions)).toEqual(["v10", "v2", "v1", "v1beta2", "v1beta1", "v11alpha2", "bar", "foo"]);
});
