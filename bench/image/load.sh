#!/bin/bash
# usage: load.sh ARCHIVE [STRATA]    times `image load` of an archive by strata and by the peers that are installed, each
# into a store of its own that is empty each time: podman load, and umoci unpack (which only unpacks). skopeo copy to an
# OCI folder, which does not unpack, and tar are floors. ARCHIVE: an oci-archive or a docker-archive.
#   RUNS=5  BENCH_DIR: where the stores are; on tmpfs (the default) only the programs are measured, on a disk its syncs too
#   SETTLE=65: wait after each delete: ext4 avoids inodes deleted in the last minute, which makes unpacking right after a
#   delete many times as slow
# Prints medians: wall, user and system milliseconds, and the ratios to strata's.
set -euo pipefail
archive=$(realpath "${1:?ARCHIVE}"); strata=$(realpath "${2:-out/release/strata}")
runs=${RUNS:-5}; made=
if [ -z "${BENCH_DIR:-}" ]; then
  BENCH_DIR=$(mktemp -d); made=1; mount -t tmpfs tmpfs "$BENCH_DIR"
fi
B=$(realpath "$BENCH_DIR")
clean() {
  for d in strata podman run umoci skopeo tar; do rm -rf "${B:?}/$d"; done
  rm -rf "${B:?}/layout"; [ -z "$made" ] || { umount "$B"; rmdir "$B"; }
}
trap clean EXIT
kind=oci-archive; tar tf "$archive" | grep -qx manifest.json && kind=docker-archive
skopeo copy -q --insecure-policy "$kind:$archive" "oci:$B/layout:bench"
layer=$(find "$B/layout/blobs" -size +1M | head -1)
declare -A commands=(
  [strata]="env STRATA_DATA=$B/strata $strata image load -q -i $archive"
  [podman]="podman --root $B/podman --runroot $B/run --storage-driver overlay load -q -i $archive"
  [umoci]="umoci unpack --image $B/layout:bench $B/umoci"
  [skopeo]="skopeo copy -q --insecure-policy $kind:$archive oci:$B/skopeo:bench"
  [tar]="tar -C $B/tar -xf $layer"
)
order=(strata podman umoci skopeo tar)
measure() { # measure NAME COMMAND...: adds a line "NAME wall user sys" in milliseconds
  local name=$1 TIMEFORMAT='%R %U %S'; shift
  { time "$@" >/dev/null 2>"$B/stderr" || { cat "$B/stderr" >&3; return 1; }; } 3>&2 2>"$B/time"
  awk -v n="$name" '{print n, $1 * 1000, $2 * 1000, $3 * 1000}' "$B/time" >>"$B/results"
}
: >"$B/results"
for ((i = 0; i < runs; i++)); do
  for name in "${order[@]}"; do
    command -v "${name/strata/$strata}" >/dev/null || continue
    for d in strata podman run umoci skopeo tar; do rm -rf "${B:?}/$d"; done
    mkdir -p "$B/tar"; sync; sleep "${SETTLE:-0}"
    # shellcheck disable=SC2086
    measure "$name" ${commands[$name]}
  done
done
python3 - "$B/results" <<'PYTHON'
import statistics
import sys
rows = {}
for line in open(sys.argv[1], encoding="ascii"):
    name, *values = line.split()
    rows.setdefault(name, []).append([float(v) for v in values])
medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in rows.items()}
own = medians["strata"]
print(f"{'':8}{'wall':>8}{'user':>8}{'sys':>8}   wall/strata  CPU/strata")
for name, (wall, user, system) in medians.items():
    print(f"{name:8}{wall:8.0f}{user:8.0f}{system:8.0f}   {wall / own[0]:11.2f}  {(user + system) / max(own[1] + own[2], 1):10.2f}")
PYTHON
rm -f "$B/results" "$B/time" "$B/stderr"
