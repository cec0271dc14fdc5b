# The mirror beside ponder 0.16 and beside PostgreSQL itself, on the same events, in turn:
#   mirror  `tributary indexer --until-level` into an empty database: raw log, projections, blocks, outbox, all indexes
#   ponder  bench/indexer/ponder: the same events into the same tables, without outbox and the three indexes that it cannot
#           express; done when its backfill is. Its last 30 blocks come after that, and count as done
#   rebuild `tributary indexer rebuild` of the same, without the source
#   limit   psql alone, with the mirror's finished rows: COPY into a temporary table, INSERT from there ON CONFLICT DO UPDATE, COMMIT
#           for every 20 000 rows; then the secondary indexes (bench/indexer/limit.mjs)
# The source is a server that replays a simulated market from memory; the database is one private cluster with durable settings.
# What each left in its database is compared with what was served, and a difference ends the benchmark.
# Then the time from mined to visible through the API, on a local chain that mines at once.
#
# BENCH_EVENTS="100000 1000000" says how many events, BENCH_PONDER_MAX=1000000 how many at most for ponder, which takes minutes.
bench_work=$DATA/bench
bench_json=$bench_work/measured
postgres_tools
contract_tools
npm_ci bench/indexer/ponder "ponder, to compare with"
npm_ci bench/indexer "measuring latency"
say "Building tributary and the replay server, optimised"
cargo build --quiet --release --bin tributary
cargo build --quiet --release -p testkit --bin replay
bench_bin=$CARGO_TARGET_DIR/release
rm -rf "$bench_work"
mkdir -p "$bench_json"
postgres_start "$bench_work/postgres" "$(free_port)" -c fsync=on -c synchronous_commit=on -c full_page_writes=on \
    -c max_wal_size=4GB -c min_wal_size=2GB -c shared_buffers=512MB -c maintenance_work_mem=256MB
bench_postgres=${CHILDREN[-1]##*:}
bench_server=${DATABASE_URL%/*}
export RUST_LOG=error

bench_psql() { PGOPTIONS=--client-min-messages=warning "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 "$@"; }
# bench_database NAME [TEMPLATE]: a new database; everything before it is on disk.
bench_database() {
    bench_psql "$bench_server/postgres" -c "DROP DATABASE IF EXISTS $1" -c "CREATE DATABASE $1 TEMPLATE ${2:-template0}" \
        -c CHECKPOINT
    export DATABASE_URL=$bench_server/$1
}
# bench_stop: ends what was started last.
bench_stop() {
    kill -"${CHILDREN[-1]%%:*}" "${CHILDREN[-1]##*:}"
    wait "${CHILDREN[-1]##*:}" || true
    unset 'CHILDREN[-1]'
}
bench_measure() { node bench/indexer/measure.mjs --postgres "$bench_postgres" "$@"; }
bench_check() { node bench/indexer/check.mjs "$1" "$PG_BIN/psql" "$RPC_URL"; }

# bench_replay EVENTS: the source; sets RPC_URL and MARKET.
bench_replay() {
    local port line=$bench_work/market.json; port=$(free_port)
    rm -f "$line"
    setpriv --pdeathsig TERM "$bench_bin/replay" --events "$1" --per-block 100 --port "$port" >"$line" 2>"$bench_work/replay.log" &
    CHILDREN+=("TERM:$!")
    until [ -s "$line" ]; do
        kill -0 "${CHILDREN[-1]##*:}" 2>/dev/null || { cat "$bench_work/replay.log" >&2; die "the replay server did not start"; }
        sleep 0.1
    done
    export RPC_URL=http://127.0.0.1:$port MARKET
    MARKET=$(cat "$line")
}

bench_mirror() {
    bench_database mirror empty
    bench_psql "$DATABASE_URL" -c "$(node -p 'const m = JSON.parse(process.env.MARKET);
        Object.entries(m.contracts).map(([name, address]) => `INSERT INTO chain.deployments (chain_id, contract, address, block_number)
            VALUES (${m.chainId}, ${"\x27" + name + "\x27"}, ${"\x27\\x" + address.slice(2) + "\x27"}, ${m.fromBlock});`).join("\n")')"
    bench_measure --source "$RPC_URL" -- "$bench_bin/tributary" indexer --until-level >"$bench_json/mirror.json"
    bench_check mirror
}

# All projections anew from the raw log, compared byte by byte by the command itself, and once more with what was served.
bench_rebuild() {
    bench_measure -- "$bench_bin/tributary" indexer rebuild >"$bench_json/rebuild.json"
    bench_check mirror
}

bench_ponder() {
    local port head log=$bench_work/ponder.log; port=$(free_port)
    head=$(node -p 'JSON.parse(process.env.MARKET).head')
    bench_database ponder
    ARTIFACTS=$ROOT/contracts/artifacts PONDER_TELEMETRY_DISABLED=true \
        bench_measure --source "$RPC_URL" --ponder "http://127.0.0.1:$port" --head "$head" -- \
        bench/indexer/ponder/node_modules/.bin/ponder start --root bench/indexer/ponder --schema market \
        --hostname 127.0.0.1 --port "$port" --log-level warn >"$bench_json/ponder.json" 2>"$log" \
        || { cat "$log" >&2; die "ponder did not index the chain"; }
    bench_check ponder
    bench_psql "$bench_server/postgres" -c 'DROP DATABASE ponder'
}

# In the mirror's own database, emptied.
bench_limit() {
    local rows=$bench_work/rows
    export DATABASE_URL=$bench_server/mirror
    mkdir -p "$rows"
    node bench/indexer/limit.mjs "$rows" "$PG_BIN/psql"
    bench_psql "$DATABASE_URL" -f "$rows/empty.sql" -c CHECKPOINT
    bench_measure -- "$PG_BIN/psql" -qX -v ON_ERROR_STOP=1 "$DATABASE_URL" -f "$rows/load.sql" >"$bench_json/limit.json"
    bench_check limit
    rm -rf "$rows"
}

bench_size() {
    local events=$1 metric value unit better peer other
    say "The mirror and others on $events events"
    rm -f "$bench_json"/*.json
    bench_replay "$events"
    bench_mirror
    bench_rebuild
    if [ "$events" -le "${BENCH_PONDER_MAX:-1000000}" ]; then bench_ponder; fi
    bench_limit
    bench_stop
    node bench/indexer/figures.mjs "$bench_json" "$events" >"$bench_work/figures"
    while IFS=$'\t' read -r metric value unit better peer other; do
        figure indexer "$metric" "$value" "$unit" "$better" "$peer" "$other"
    done <"$bench_work/figures"
}

# From mined to visible: a chain, the mirror and the API as three processes.
bench_latency() {
    local port part; port=$(free_port)
    say "From mined to visible"
    bench_database latency empty
    chain_start "$bench_work/chain" "$(free_port)"
    export DATA_DIR=$bench_work LISTEN=127.0.0.1:$port
    export DEPLOYMENT; DEPLOYMENT=$(ENGINE_KEY=$LOCAL_ENGINE_KEY "$bench_bin/tributary" deploy)
    for part in indexer backend; do
        setpriv --pdeathsig TERM "$bench_bin/tributary" "$part" </dev/null >"$bench_work/$part.log" 2>&1 &
        CHILDREN+=("TERM:$!")
    done
    local p50 p99 most
    read -r p50 p99 most < <(node bench/indexer/latency.mjs "http://$LISTEN" contracts/artifacts/AssetRegistry.json)
    figure indexer indexer_visible_p50_ms "$p50" ms lower target 250
    figure indexer indexer_visible_p99_ms "$p99" ms lower target 250
    figure indexer indexer_visible_max_ms "$most" ms lower target 250
    bench_stop && bench_stop && bench_stop
}

# A server that has run for a while has its log's segments: the first to be measured must not be the one who makes them.
bench_psql "$bench_server/postgres" -c "CREATE TABLE warm AS SELECT repeat(md5(n::text), 30) FROM generate_series(1, 1800000) n" \
    -c 'DROP TABLE warm' -c CHECKPOINT
bench_database empty
# It asks the chain nothing.
RPC_URL=http://127.0.0.1 "$bench_bin/tributary" migrate
for bench_events in ${BENCH_EVENTS-100000 1000000}; do bench_size "$bench_events"; done
bench_latency
bench_stop
rm -rf "$bench_work"
