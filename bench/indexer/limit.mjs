// Prepares the limit: what PostgreSQL needs for the same rows when nothing else is done.
//
//   limit.mjs FOLDER PSQL    with DATABASE_URL: a mirror's finished database
//
// Writes every row that the mirror wrote (raw log, projections, assets, blocks, outbox) into files of 20 000 rows in COPY's binary
// format, in the order of the primary key, and two scripts for psql: `empty.sql` empties the tables and drops their secondary
// indexes; `load.sql` fills them again: COPY of a file into a temporary table, INSERT from there ON CONFLICT DO UPDATE, and a COMMIT
// for every 20 000 rows. Then it builds the secondary indexes, in one transaction.
import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const ROWS = 20_000;
const [folder, psql] = process.argv.slice(2);
const call = (sql) => [process.env.DATABASE_URL, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql];
const query = (sql) => JSON.parse(execFileSync(psql, call(sql), { encoding: "utf8" }));

// Tables, or partitions, that have rows and a primary key, and were written after the database was made.
const tables = query(`
  SELECT coalesce(json_agg(json_build_object('oid', c.oid::bigint, 'name', c.oid::regclass::text, 'key', k.names, 'others', o.names) ORDER BY c.oid), '[]')
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
  JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  CROSS JOIN LATERAL (SELECT json_agg(quote_ident(attname) ORDER BY array_position(i.indkey::int2[], attnum)) AS names
                      FROM pg_attribute WHERE attrelid = c.oid AND attnum = ANY (i.indkey)) k
  CROSS JOIN LATERAL (SELECT coalesce(json_agg(quote_ident(attname)), '[]') AS names
                      FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND NOT attnum = ANY (i.indkey)) o
  WHERE s.n_live_tup > 0 AND (s.schemaname LIKE 'chain%' OR s.relname = 'outbox')`);

// An index of a partition belongs to the one above it, and goes and comes with that.
const indexes = query(`
  SELECT coalesce(json_agg(json_build_object('name', name, 'definition', replace(pg_get_indexdef(name), ' ON ONLY ', ' ON '))), '[]')
  FROM (SELECT DISTINCT coalesce(pg_partition_root(i.indexrelid), i.indexrelid)::regclass AS name
        FROM pg_index i
        WHERE i.indrelid = ANY ('{${tables.map((table) => table.oid).join()}}'::oid[])
          AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)) n`);

/** Divides the output of COPY .. (FORMAT binary) into files of so many rows, and says which. */
async function dump(table, name) {
  const copy = `COPY (SELECT * FROM ${table.name} ORDER BY ${table.key.join(", ")}) TO STDOUT (FORMAT binary)`;
  const source = spawn(psql, call(copy), { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(source, "close");
  let rest = Buffer.alloc(0);
  let header;
  let rows = 0;
  const files = [];
  let pieces = [];
  const write = () => {
    if (rows === 0) return;
    const file = join(folder, `${name}.${files.length}`);
    writeFileSync(file, Buffer.concat([header, ...pieces, Buffer.from([0xff, 0xff])]));
    files.push({ file, rows });
    [rows, pieces] = [0, []];
  };
  for await (const chunk of source.stdout) {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk;
    let place = 0;
    // 11 bytes of signature, four of flags, and the length of an extension, which is none.
    if (!header && rest.length >= 19) header = rest.subarray(0, (place = 19));
    let from = place;
    for (let row; header && (row = rowEnd(rest, place)) > 0;) {
      place = row;
      if (++rows === ROWS) {
        pieces.push(rest.subarray(from, (from = place)));
        write();
      }
    }
    if (place > from) pieces.push(rest.subarray(from, place));
    rest = rest.subarray(place);
  }
  write();
  const [code] = await closed;
  if (code !== 0 || rest.length !== 2) throw new Error(`${table.name} could not be read`);
  return files;
}

/** Where the row that begins at a place ends; 0 when it is not whole, or when it is the trailer. */
function rowEnd(buffer, place) {
  if (buffer.length < place + 2) return 0;
  let fields = buffer.readInt16BE(place);
  if (fields < 0) return 0;
  for (place += 2; fields > 0; fields--) {
    if (buffer.length < place + 4) return 0;
    place += 4 + Math.max(buffer.readInt32BE(place), 0);
  }
  return place <= buffer.length ? place : 0;
}

const load = [
  "BEGIN;",
  ...tables.map((table, n) => `CREATE TEMP TABLE stage_${n} (LIKE ${table.name}) ON COMMIT DELETE ROWS;`),
  "COMMIT;",
];
let open = 0;
for (const [n, table] of tables.entries()) {
  const set = table.others.map((column) => `${column} = excluded.${column}`).join(", ");
  const upsert = `INSERT INTO ${table.name} OVERRIDING SYSTEM VALUE SELECT * FROM stage_${n}
    ON CONFLICT (${table.key.join(", ")}) DO ${set ? `UPDATE SET ${set}` : "NOTHING"};`;
  for (const { file, rows } of await dump(table, `stage_${n}`)) {
    if (open === 0) load.push("BEGIN;");
    load.push(`\\copy stage_${n} FROM '${file}' (FORMAT binary)`, upsert);
    open += rows;
    // What is left of one table shares a transaction with the next one's rows. The stage is empty again after the commit.
    if (rows === ROWS || open >= ROWS) {
      load.push("COMMIT;");
      open = 0;
    }
  }
}
if (open > 0) load.push("COMMIT;");
load.push("BEGIN;", ...indexes.map((index) => `${index.definition};`), "COMMIT;");
const empty = [
  `TRUNCATE ${tables.map((table) => table.name).join(", ")};`,
  ...indexes.map((index) => `DROP INDEX ${index.name};`),
];
writeFileSync(join(folder, "load.sql"), `${load.join("\n")}\n`);
writeFileSync(join(folder, "empty.sql"), `${empty.join("\n")}\n`);
