// Renders the chart into what is kept beside it: plain manifests, alert rules, the table of values. With --check it writes nothing and fails where that differs.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isMap, parseAllDocuments, parseDocument, stringify } from "yaml";

const CHART = "deploy/helm/herald";
const NAMESPACE = "metallb-system";
const CHART_README = `${CHART}/README.md`;
const HEADER =
  "# Rendered from deploy/helm/herald by `npm run manifests`. Change the chart, or an overlay of deploy/kustomize.\n";
const SCRAPED = {
  prometheus: {
    secure: true,
    // The names that kube-prometheus has.
    serviceAccount: "prometheus-k8s",
    namespace: "monitoring",
    serviceMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    grafanaDashboard: { enabled: true },
  },
};

const helm = [process.env.HELM, "dist/tools/helm"].find((path) => path !== undefined && existsSync(path)) ?? "helm";

function render(values, ...more) {
  const args = ["template", "herald", CHART, "--namespace", NAMESPACE, "--values", "-", ...more];
  const text = execFileSync(helm, args, {
    input: stringify(values),
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
  });
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

/** Without what says that Helm owns it. */
function plain(object) {
  const { labels = {}, annotations = {}, ...metadata } = object.metadata;
  const ownLabels = without(labels, ["helm.sh/chart", "app.kubernetes.io/managed-by"]);
  const ownAnnotations = without(annotations, ["helm.sh/resource-policy"]);
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(Object.keys(ownLabels).length > 0 ? { labels: ownLabels } : {}),
      ...(Object.keys(ownAnnotations).length > 0 ? { annotations: ownAnnotations } : {}),
    },
  };
}

function without(map, keys) {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)));
}

/** The speakers' host network is what the namespace has to allow. */
function namespace() {
  const levels = ["enforce", "audit", "warn"].map((mode) => [`pod-security.kubernetes.io/${mode}`, "privileged"]);
  return { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels: Object.fromEntries(levels) } };
}

function allInOne(values) {
  const documents = [namespace(), ...render(values).map(plain)];
  return HEADER + documents.map((object) => `---\n${stringify(object, { lineWidth: 0 })}`).join("");
}

function alerts() {
  const [rule] = render(SCRAPED, "--show-only", "templates/prometheus-rule.yaml");
  return HEADER + stringify(rule.spec, { lineWidth: 0 });
}

/** Rows of the values that have a comment, or a parent without one that explains them all. */
function rowsOf(map, path = "") {
  return map.items.flatMap((pair, index) => {
    const name = `${path}${pair.key.value}`;
    const comment = commentOf(map, index);
    const value = pair.value;
    if (!isMap(value) || !value.items.some((_, inner) => commentOf(value, inner) !== "")) {
      return [`| \`${name}\` | \`${JSON.stringify(value.toJSON())}\` | ${comment} |`];
    }
    const own = comment === "" || comment === "(Herald)" ? [] : [`| \`${name}\` | | ${comment} |`];
    return [...own, ...rowsOf(value, `${name}.`)];
  });
}

/** The comment above a key; above the first one it is the map's. */
function commentOf(map, index) {
  const comment = map.items[index].key.commentBefore ?? (index === 0 ? map.commentBefore : undefined) ?? "";
  return comment
    .split("\n")
    .map((line) => line.trim())
    .join(" ")
    .replaceAll("|", "\\|")
    .replaceAll("<", "&lt;");
}

function readme() {
  const values = parseDocument(readFileSync(`${CHART}/values.yaml`, "utf8"));
  const table = ["| value | default | meaning |", "| --- | --- | --- |", ...rowsOf(values.contents)].join("\n");
  const [before, after] = readFileSync(CHART_README, "utf8").split(/<!-- values -->[\s\S]*<!-- end of values -->/);
  return `${before}<!-- values -->\n${table}\n<!-- end of values -->${after}`;
}

const files = {
  "deploy/manifests/herald.yaml": allInOne({}),
  "deploy/manifests/prometheus/herald.yaml": allInOne(SCRAPED),
  "deploy/monitoring/alerts.yaml": alerts(),
  [CHART_README]: readme(),
};
const differing = Object.entries(files).filter(
  ([path, text]) => !existsSync(path) || readFileSync(path, "utf8") !== text,
);
if (process.argv.includes("--check")) {
  for (const [path] of differing) console.error(`${path} is not what the chart renders: npm run manifests`);
  process.exitCode = differing.length > 0 ? 1 : 0;
} else {
  for (const [path, text] of differing) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`${path} written`);
  }
}
