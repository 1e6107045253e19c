#!/usr/bin/env bash
# Peers that vanish without FIN or RST, as when a phone loses its network: the gate gets its descriptors back by its own deadlines.
# In a network namespace of our own, where every packet is dropped from one moment on, so nobody else notices.
#
#     server/tests/scripts/vanished_peers.sh target/debug/tollgate
#
# Needs root and nft; where it may not, it says so and exits with 77.
set -euo pipefail
gate=$(realpath "${1:?the path of the tollgate to test}")
command -v nft >/dev/null || { echo "skipped: there is no nft here"; exit 77; }
if [ -z "${VANISHED_PEERS_INSIDE:-}" ]; then
    unshare --net true 2>/dev/null || { echo "skipped: no network namespace may be made here"; exit 77; }
    VANISHED_PEERS_INSIDE=1 exec unshare --net "$0" "$gate"
fi

peers=300
port=8080
ip link set lo up
dir=$(mktemp -d)
printf '[timeouts]\nidle = "2s"\nhead = "2s"\nwrite = "2s"\nlinger = "1s"\n' >"$dir/gate.toml"

for engine in ring glommio; do
    "$gate" --config "$dir/gate.toml" --listen 127.0.0.1:$port --io $engine --cores 1 --max-clients 1k >"$dir/screen" &
    pid=$!
    trap 'kill "$pid" 2>/dev/null || true; rm -rf "$dir"' EXIT
    for _ in $(seq 100); do grep -q listening "$dir/screen" && break; sleep 0.1; done
    open_files() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
    base=$(open_files)

    fds=()
    for n in $(seq $peers); do
        exec {fd}<>/dev/tcp/127.0.0.1/$port
        fds+=("$fd")
        # A third has had an answer, a third is in the middle of a head, a third has said nothing.
        case $((n % 3)) in
            0) printf 'GET /?clientId=%s HTTP/1.1\r\nHost: g\r\n\r\n' "$n" >&"$fd"; read -r _ <&"$fd" ;;
            1) printf 'GET /?clientId=%s HT' "$n" >&"$fd" ;;
        esac
    done
    for _ in $(seq 50); do [ "$(open_files)" -ge $((base + peers)) ] && break; sleep 0.1; done
    [ "$(open_files)" -ge $((base + peers)) ] || { echo "$engine: not all are connected"; exit 1; }

    nft add table inet vanished
    nft add chain inet vanished nothing_arrives '{ type filter hook input priority 0; policy drop; }'
    for fd in "${fds[@]}"; do exec {fd}>&-; done

    # The longest deadline, what a coarse clock adds, and what a busy machine does.
    for second in $(seq 8); do
        sleep 1
        left=$(($(open_files) - base))
        [ "$left" -le 5 ] && break
    done
    nft delete table inet vanished
    [ "$left" -le 5 ] || { echo "$engine: $left of $peers descriptors are still open after $second s"; exit 1; }
    echo "$engine: the descriptors of $peers vanished peers were back after $second s"
    kill "$pid"
    wait "$pid" || { echo "$engine: it did not drain"; exit 1; }
    port=$((port + 1))
done
