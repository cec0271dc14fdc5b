# The ledger: events a second from committed transactions into the hash chain, with durable settings, by 8 writers at once
# that append one event or 100 events a transaction, while one task seals. An event counts when it is in the chain. Beside it
#   limit      pgbench, 8 clients: plain INSERTs of the same rows into the same two tables, without chain, tree and sealing
#   one stage  the same writers, but each seals its own events in its own transaction, and so waits for the one before
# Then all of it is verified, and a thousand proofs are made and checked. Below 5000 events a second in batches, or with a
# chain that does not hold, the benchmark fails; one event a transaction is as fast as the disk acknowledges commits.
#
# BENCH_SECONDS=10 says how long each is measured.
bench_work=$DATA/bench
bench_seconds=${BENCH_SECONDS:-10}
postgres_tools
say "Building the ledger's driver, optimised"
cargo build --quiet --release -p store --example ledger
bench_driver=$CARGO_TARGET_DIR/release/examples/ledger
rm -rf "$bench_work"
mkdir -p "$bench_work"
postgres_start "$bench_work/postgres" "$(free_port)" -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
    -c max_wal_size=4GB -c min_wal_size=2GB -c shared_buffers=512MB
bench_server=${DATABASE_URL%/*}

bench_psql() { PGOPTIONS=--client-min-messages=warning "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 "$@"; }
bench_database() {
    bench_psql "$bench_server/postgres" -c "CREATE DATABASE $1" -c CHECKPOINT
    export DATABASE_URL=$bench_server/$1
}
# bench_driven MODE EVENTS: events a second, in a new database.
bench_driven() {
    bench_database "$1_$2"
    "$bench_driver" migrate
    "$bench_driver" "$1" 8 "$bench_seconds" "$2" | cut -f 2
}
# bench_plain EVENTS: the same rows by plain INSERTs, so many a transaction.
bench_plain() {
    bench_database "plain_$1"
    bench_psql "$DATABASE_URL" -c 'CREATE TABLE events (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), kind text NOT NULL,
            subject text NOT NULL, streams text[] NOT NULL, body text NOT NULL)' \
        -c 'CREATE TABLE streams (stream text NOT NULL, seq bigint NOT NULL, PRIMARY KEY (stream, seq))'
    cat >"$bench_work/plain.sql" <<SQL
\set first random(0, 1000000000)
WITH e AS (
    INSERT INTO events (kind, subject, streams, body)
    SELECT 'contribution.accepted', 'contribution:' || :client_id || ':' || n,
           ARRAY['asset:31337:' || n % 1000, 'contributor:' || n % 100],
           '{"coherence":"0.730000","confidence":"0.75","contributor":' || n % 100 || ',"cost":"' || n % 900 || '.250000","evidence":'
           || '"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy","kind":"MANUAL_LABOR","source":"git:'
           || lpad(to_hex(n), 40, '0') || '","work":' || n % 1000 || '}'
    FROM generate_series(:first + 1, :first + $1) n
    RETURNING seq, streams)
INSERT INTO streams SELECT unnest(streams), seq FROM e;
SQL
    "$PG_BIN/pgbench" --no-vacuum -M prepared -c 8 -j 2 -T "$bench_seconds" -f "$bench_work/plain.sql" "$DATABASE_URL" \
        2>"$bench_work/pgbench.log" | awk -v each="$1" '/^tps/ { printf "%.1f", $3 * each }'
}

bench_figures() {
    local each=$1 name=$2 ours plain stage
    ours=$(bench_driven append "$each")
    plain=$(bench_plain "$each")
    stage=$(bench_driven locked "$each")
    figure ledger "ledger_$name" "$ours" 1/s higher "plain INSERT, pgbench" "$plain"
    figure ledger "ledger_${name}_two_stages" "$ours" 1/s higher "one stage" "$stage"
    if [ "$each" -gt 1 ] && awk "BEGIN { exit !($ours < 5000) }"; then die "fewer than 5000 events a second: $ours"; fi
}
say "Appending, with ${bench_seconds} s for each figure"
bench_figures 1 single_events
bench_figures 100 batches_of_100

export DATABASE_URL=$bench_server/append_100
"$bench_driver" verify >"$bench_work/verified" || die "the chain does not hold"
bench_verified() { awk -v name="$1" '$1 == name { print $2 }' "$bench_work/verified"; }
bench_read=$(seconds "$PG_BIN/psql" -qX "$DATABASE_URL" -c 'COPY ledger.events TO STDOUT')
figure ledger ledger_verified "$(bench_verified verified_per_second)" 1/s higher "psql reading the rows" \
    "$(awk "BEGIN { print $(bench_verified events) / $bench_read }")"
figure ledger ledger_proof_p95_ms "$(bench_verified proof_p95_ms)" ms lower target 5
kill -"${CHILDREN[-1]%%:*}" "${CHILDREN[-1]##*:}"
wait "${CHILDREN[-1]##*:}" || true
unset 'CHILDREN[-1]'
rm -rf "$bench_work"
