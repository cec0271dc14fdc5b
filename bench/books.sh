# Checks of the books after a history of divisions, and after that history was doubled twice: time and rows read, beside counting the same
# books from the beginning in the same run. A check looks at ten new divisions each time. When it reads a tenth more rows after four
# times the history, the benchmark fails.
#
# BENCH_DIVISIONS=10000 says how long the first history is.
bench_work=$DATA/bench-books
postgres_tools
say "Building the books' driver, optimised"
cargo build --quiet --release -p store --example books
rm -rf "$bench_work"
mkdir -p "$bench_work"
postgres_start "$bench_work/postgres" "$(free_port)" -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=off
"$CARGO_TARGET_DIR/release/examples/books" "${BENCH_DIVISIONS:-10000}" >"$bench_work/figures"
bench_grown=
while IFS=$'\t' read -r metric value unit better peer other; do
    figure books "$metric" "$value" "$unit" "$better" "$peer" "$other"
    if [ "$metric" = books_rows_of_4_histories ] && awk "BEGIN { exit !($value > 1.1) }"; then bench_grown=$value; fi
done <"$bench_work/figures"
kill -"${CHILDREN[-1]%%:*}" "${CHILDREN[-1]##*:}"
wait "${CHILDREN[-1]##*:}" || true
unset 'CHILDREN[-1]'
rm -rf "$bench_work"
[ -z "$bench_grown" ] || die "a check reads $bench_grown times as many rows after four times the history"
