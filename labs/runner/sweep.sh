#!/bin/sh
# Removes whatever one run left in its namespaces, and the files named. With its input open it waits: as the runner's watchdog
# it starts when the runner is gone, however that ended. usage: sweep.sh RUN FILE_OR_FOLDER...
run=${1:?the name of a run}
shift
cat >/dev/null
for namespace in $(ip netns list | cut -d' ' -f1); do
  case $namespace in
    "$run"-*)
      for pid in $(ip netns pids "$namespace"); do
        kill -9 "$pid"
        # FRR's crash log folder: a daemon that is killed cannot remove it.
        rm -rf "/var/tmp/frr/"*."$pid"
      done
      ip netns del "$namespace"
      ;;
  esac
done
rm -rf -- "$@"
