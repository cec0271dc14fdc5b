# Public reads while history doubles, and doubles again: an account's earnings with the proof to claim them, through the API, from roots of
# 25 000, 50 000 and 100 000 entries; and which works say a text, among 50 000, 100 000 and 200 000 works. A figure is the median of 200
# questions. Beside it, in the same run and on the same database, stands the way before: the whole tree built for each read of earnings,
# without HTTP, and every work looked at for each text. The last lines say how many times as much each costs with four times the
# history; more than twice fails the benchmark.
#
# BENCH_ENTRIES=25000 and BENCH_WORKS=50000 say how long the history is first.
bench_work=$DATA/bench
postgres_tools
say "Building the driver, optimised"
cargo build --quiet --release -p backend --example measure_reads
rm -rf "$bench_work"
mkdir -p "$bench_work"
postgres_start "$bench_work/postgres" "$(free_port)" -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=off
say "Roots from ${BENCH_ENTRIES:-25000} entries on, and works from ${BENCH_WORKS:-50000} on, in PostgreSQL"
bench_status=0
"$CARGO_TARGET_DIR/release/examples/measure_reads" --entries "${BENCH_ENTRIES:-25000}" --works "${BENCH_WORKS:-50000}" \
    >"$bench_work/figures" || bench_status=$?
while IFS=$'\t' read -r metric value unit better peer other; do
    figure reads "$metric" "$value" "$unit" "$better" "$peer" "$other"
done <"$bench_work/figures"
kill -"${CHILDREN[-1]%%:*}" "${CHILDREN[-1]##*:}"
wait "${CHILDREN[-1]##*:}" || true
unset 'CHILDREN[-1]'
rm -rf "$bench_work"
[ "$bench_status" -eq 0 ] || die "a read costs more with a longer history"
