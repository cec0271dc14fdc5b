# Questions about lineage on a graph of 1 000 000 edges: the whole graph loaded from PostgreSQL, beside reading its rows alone;
# then 1 000 works above one work, and around it, from memory and as the API answers, beside a plain recursive query on the
# same graph, with all indexes and fresh statistics. Both must give the same answers. Each figure is the 95th percentile of
# 200 questions.
# BENCH_EDGES=1000000 says how many edges.
postgres_tools
cargo build --quiet --release -p backend --example measure_lineage
lineage_work=$DATA/bench-lineage
rm -rf "$lineage_work"
mkdir -p "$lineage_work"
postgres_start "$lineage_work/postgres" "$(free_port)" -c shared_buffers=512MB -c max_wal_size=4GB -c autovacuum=off
say "A graph of ${BENCH_EDGES:-1000000} edges in PostgreSQL"
"$CARGO_TARGET_DIR/release/examples/measure_lineage" --edges "${BENCH_EDGES:-1000000}" >"$lineage_work/figures"
while IFS=$'\t' read -r metric value unit better peer other; do
    figure lineage "$metric" "$value" "$unit" "$better" "$peer" "$other"
done <"$lineage_work/figures"
kill -"${CHILDREN[-1]%%:*}" "${CHILDREN[-1]##*:}"
wait "${CHILDREN[-1]##*:}" || true
unset 'CHILDREN[-1]'
rm -rf "$lineage_work"
