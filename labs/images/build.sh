#!/usr/bin/env bash
# Builds the images that labs use under containerlab, and brings them where they are needed.
#   bash labs/images/build.sh                       both: herald:dev, and herald-lab:dev on top of it
#   bash labs/images/build.sh herald:dev            the first alone
#   bash labs/images/build.sh --kind herald         herald:dev on the nodes of this kind cluster as well
#   bash labs/images/build.sh --save images.tar     both in a file, for `docker load` on another machine
# With docker, or with podman where there is none (or CONTAINER_CLI=...). Exit code 3 when there is neither.
set -euo pipefail
cd "$(dirname "$0")/../.."

wanted=() cluster= archive=
while [ $# -gt 0 ]; do
  case "$1" in
    --kind) cluster=${2:?--kind wants the name of a cluster}; shift 2 ;;
    --save) archive=${2:?--save wants a file}; shift 2 ;;
    herald:dev | herald-lab:dev) wanted+=("$1"); shift ;;
    *) echo "usage: $0 [herald:dev] [herald-lab:dev] [--kind CLUSTER] [--save FILE]" >&2; exit 2 ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=(herald:dev herald-lab:dev)

cli=${CONTAINER_CLI:-$(command -v docker || command -v podman || true)}
if [ -z "$cli" ]; then
  echo "images take docker or podman, and neither is on the path" >&2
  exit 3
fi

"$cli" build -f deploy/Dockerfile -t herald:dev .
for image in "${wanted[@]}"; do
  [ "$image" = herald-lab:dev ] || continue
  bash labs/images/context.sh dist/lab-image
  "$cli" build --build-arg HERALD_IMAGE=herald:dev -t herald-lab:dev dist/lab-image
done

if [ -n "$archive" ]; then "$cli" save -o "$archive" "${wanted[@]}"; fi
if [ -n "$cluster" ]; then kind load docker-image herald:dev --name "$cluster"; fi
"$cli" image ls --filter reference='*herald*:dev'
