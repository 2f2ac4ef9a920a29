#!/bin/bash
# All that docs/performance.md promises of Java: all.sh [BUILD] (out/release), on a machine that does nothing else.
# Ours is run first and last, beside HotSpot's interpreter and Zero (openjdk-17-jre-zero), all with the same heap; then Hello World.
# What each run wrote stays in BUILD/bench-jvm. Ends with status 1 if a checksum or a bar was missed.
here=$(dirname "$(realpath "$0")")
build=$(realpath "${1:-$here/../../out/release}")
home=${JAVA_HOME:-/usr/lib/jvm/java-17-openjdk-amd64}
java=$home/bin/java
vm=$build/cmd/libjvm
results=$build/bench-jvm
failed=0

cd "$here" || exit 1
mkdir -p "$results"
[ -e bench.jar ] || PATH=$home/bin:$PATH ./build.sh || exit 1
run()
{
    echo "$1 ..." >&2
    ./run.py --java "$2" --scale 10 --heap=-Xmx512m >"$results/$1" || { failed=1; grep BAD "$results/$1"; }
}
run ours "$java -XXaltjvm=$vm"
run xint "$java -Xint -XX:+UseSerialGC"
run zero "$java -zero -XX:+UseSerialGC"
run ours-again "$java -XXaltjvm=$vm"
cd "$results" && "$here/compare.py" ours,ours-again xint=0.6,1.5,1.0 zero=0.7 || failed=1

cat >Hello.java <<'END'
public class Hello {
    public static void main(String[] arguments) {
        System.out.println("Hello, World!");
    }
}
END
"$home/bin/javac" --release 17 Hello.java || exit 1
"$here/startup.py" 20 1 "ours=$java -XXaltjvm=$vm -cp . Hello" "xint=$java -Xshare:off -Xint -cp . Hello" | tee hello || failed=1
awk '{ ours[$1] = $4; size[$1] = $(NF - 3) }
     END { printf "Hello World: %.2f of the time (the bar 0.8), %.1f MB (the bar 18)\n", ours["ours"] / ours["xint"], size["ours"]
           exit ours["ours"] / ours["xint"] > 0.8 || size["ours"] > 18 }' hello || failed=1
exit $failed
