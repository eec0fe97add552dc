#!/usr/bin/env bash
# Lays into a folder what the image of lab nodes is made of: context.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:?usage: context.sh FOLDER}
mkdir -p "$folder"
# Some dependencies are CommonJS and call require() for Node's own modules.
node_modules/.bin/esbuild labs/images/lab-node.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning \
  --banner:js='import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' \
  --outfile="$folder/lab-node.mjs"
cp labs/runner/pod-server.mjs labs/runner/relay.mjs labs/images/Dockerfile "$folder/"
