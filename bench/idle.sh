# A market at rest: a new stack of `./dev up` with the sample market, in which nothing happens. Beside each figure the goal.
#   cpu      all of its processes together, in per cent of one core
#   writes   what they wrote to the disk, as the kernel counts it
#   start    from the command to a market that answers, after everything was killed (SIGKILL) with 100 000 blocks of history
#
# BENCH_SECONDS=60 says how long it is watched, BENCH_BLOCKS=100000 how long the history is. Making the blocks takes minutes.
bench_work=$DATA/bench/idle
bench_seconds=${BENCH_SECONDS:-60}
bench_blocks=${BENCH_BLOCKS:-100000}
postgres_tools
contract_tools
build
build_frontend
have jq || debian "reading JSON in a shell" jq
have curl || debian "fetching in a shell" curl
rm -rf "$bench_work"
mkdir -p "$bench_work"
bench_http=$(free_port) bench_pg=$(free_port) bench_chain=$(free_port)
bench_stack=

# Every process that descends from a process, and the process.
bench_tree() { local child; echo "$1"; for child in $(pgrep -P "$1"); do bench_tree "$child"; done; }
bench_kill() { local tree; [ -z "$bench_stack" ] || { tree=$(bench_tree "$bench_stack"); bench_stack=; kill -KILL $tree 2>/dev/null || true; }; }
trap 'bench_kill; stop_children' EXIT
bench_up() {
    TRIBUTARY_DATA=$bench_work TRIBUTARY_HTTP_PORT=$bench_http TRIBUTARY_PG_PORT=$bench_pg TRIBUTARY_CHAIN_PORT=$bench_chain \
        "$ROOT/dev" up </dev/null >"$bench_work/up.log" 2>&1 &
    bench_stack=$!
    until grep -q 'The sample market is complete' "$bench_work/up.log"; do
        kill -0 "$bench_stack" 2>/dev/null || { tail -n 20 "$bench_work/up.log" >&2; die "the market did not start"; }
        sleep 0.1
    done
}
# The hundredths of a second that the stack computed, and the bytes that it wrote.
bench_used() {
    local process
    for process in $(bench_tree "$bench_stack"); do
        cat "/proc/$process/stat" "/proc/$process/io" 2>/dev/null || true
    done | awk 'NF > 20 { cpu += $14 + $15 } /^write_bytes/ { bytes += $2 } END { printf "%.0f %.0f\n", cpu, bytes }'
}
bench_rpc() {
    curl -sf "http://127.0.0.1:$bench_chain" -H 'content-type: application/json' -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":$2}"
}
bench_mirror() { curl -sf "http://127.0.0.1:$bench_http/v1/market" | jq ".mirror.$1"; }

say "Starting a market with its sample"
bench_up
# The jobs that follow from the trade are given time to end, and so is PostgreSQL's cleaning up after it.
sleep $((3 * bench_seconds))
read -r bench_cpu bench_bytes < <(bench_used)
sleep "$bench_seconds"
read -r bench_cpu_then bench_bytes_then < <(bench_used)
figure idle cpu "$(awk "BEGIN { printf \"%.2f\", ($bench_cpu_then - $bench_cpu) / $bench_seconds }")" % lower goal 5
figure idle writes "$(awk "BEGIN { printf \"%.1f\", ($bench_bytes_then - $bench_bytes) / 1024 / $bench_seconds }")" kB/s lower goal 50

say "Mining $bench_blocks blocks"
bench_made=0
while [ "$bench_made" -lt "$bench_blocks" ]; do
    bench_rpc anvil_mine '["0x1f4"]' >/dev/null
    bench_made=$((bench_made + 500))
    while [ "$(bench_mirror blockNumber)" -lt "$bench_made" ]; do sleep 0.1; done
done
# What is final is on disk.
while [ "$(bench_mirror finalizedNumber)" -lt $((bench_made - 2)) ]; do sleep 0.1; done
bench_before=$(bench_mirror blockNumber)
bench_kill
sleep 1
bench_start=$(seconds bench_up)
figure idle start "$bench_start" s lower goal 10
# It goes on where it was.
bench_rpc anvil_mine '["0x5"]' >/dev/null
for _ in $(seq 300); do [ "$(bench_mirror blockNumber)" -le "$bench_before" ] || break; sleep 0.1; done
[ "$(bench_mirror blockNumber)" -gt "$bench_before" ] || die "the mirror does not go on after block $bench_before: see $bench_work/up.log"
bench_kill
