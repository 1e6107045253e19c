#!/bin/sh
# Takes each protection away once and shows that its models notice.
#
#   loom-tests/mutate.sh            all of mutations/*.patch
#   loom-tests/mutate.sh no-fence   one of them
#
# Works on a copy outside the tree. MUTATE_DIR=... keeps the copy and with it what was built, for the next time.
# Exit code: how many protections could go without anybody noticing, or how many patches no longer fit the code.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
work=${MUTATE_DIR:-$(mktemp -d)}
[ -n "${MUTATE_DIR:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
# They would replace `--cfg loom`.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS

fresh_copy() {
    rm -rf "$work/limiter" "$work/loom-tests"
    cp -r "$root/limiter" "$root/loom-tests" "$root/.cargo" "$root/Cargo.lock" "$work/"
    sed -e 's/^members = .*/members = ["limiter", "loom-tests"]/' -e '/^default-members/d' "$root/Cargo.toml" >"$work/Cargo.toml"
}

# The model's own words, or loom's.
verdict() {
    model=$1
    if ! (cd "$work" && cargo loom --test "$model" --no-run) >"$work/build.log" 2>&1; then
        echo "NOT BUILT: $(grep -m 1 '^error' "$work/build.log")"
        return 1
    fi
    if (cd "$work" && timeout 900 cargo loom --test "$model") >"$work/run.log" 2>&1; then
        echo "NOT NOTICED"
        return 1
    fi
    grep -q 'panicked at' "$work/run.log" || { echo "NO ANSWER IN 15 MINUTES"; return 1; }
    grep -m 1 -A 1 'panicked at' "$work/run.log" | tail -n 1
}

unnoticed=0
report() {
    printf '%-28s %-22s %s\n' "$1" "$2" "$3"
}
for patch in "$root"/loom-tests/mutations/${1:-*}.patch; do
    name=$(basename "$patch" .patch)
    fresh_copy
    if ! patch -s -p1 -d "$work" <"$patch" >/dev/null 2>&1; then
        report "$name" - "DOES NOT APPLY"
        unnoticed=$((unnoticed + 1))
        continue
    fi
    for model in $(sed -n 's/^models: //p' "$patch"); do
        says=$(verdict "$model") || unnoticed=$((unnoticed + 1))
        report "$name" "$model" "$says"
    done
done
exit "$unnoticed"
