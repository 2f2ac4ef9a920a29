#!/bin/bash
# All that docs/performance.md promises of virtual machines, as tables: all.sh [BUILD] (out/release).
# Ends with status 1 if any bar was missed.
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../out/release}")
cd "$here" || exit 1
failed=0
for program in start boot virtio smp idle isolation bochs; do
    echo "### \`bench/vm/$program.py\`"
    echo
    case $program in
        start) "./$program.py" --build "$build" --runs 50 ;;
        virtio) "./$program.py" --build "$build" --runs 3 ;;
        *) "./$program.py" --build "$build" ;;
    esac || { failed=1; echo "(status 1)"; }
    echo
done
exit $failed
