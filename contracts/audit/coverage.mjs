#!/usr/bin/env node
// Lines and branches of contracts/src that no test runs: each must be named in coverage.json, and no other.
//   node contracts/audit/coverage.mjs
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const { leftOut, gaps: named } = JSON.parse(readFileSync(join(here, 'coverage.json'), 'utf8'));

const missed = report(measure());
const unnamed = missed.filter((gap) => !named.some((entry) => same(entry, gap)));
const stale = named.filter((entry) => !missed.some((gap) => same(entry, gap)));
for (const gap of unnamed) console.log(`not covered: ${describe(gap)}`);
for (const entry of stale) console.log(`named in coverage.json, but no gap any more: ${describe(entry)}`);
if (unnamed.length + stale.length) fail('cover the gaps, or name them with a reason in contracts/audit/coverage.json');
console.log(`coverage: ${named.length ? `the only gaps are the ${named.length} named ones` : 'no gaps'}`);

// The report of forge, as LCOV. Campaigns of random calls are left out: what only they reach is not tested on purpose.
function measure() {
    const out = join(root, '.data/audit/coverage');
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out, { recursive: true });
    const file = join(out, 'lcov.info');
    const run = spawnSync(
        join(root, 'contracts/bin/forge'),
        [
            'coverage', '--exclude-tests', '--report', 'lcov', '--report-file', file,
            '--no-match-contract', 'Lemmas|Gas|Invariant',
            ...(leftOut.length ? ['--no-match-test', `^(${leftOut.map(({ test }) => test).join('|')})\\(`] : []),
        ],
        {
            cwd: root,
            encoding: 'utf8',
            maxBuffer: 1 << 30,
            env: {
                ...process.env,
                FOUNDRY_SOLC: join(here, 'solc-coverage'),
                FOUNDRY_OUT: join(out, 'out'),
                FOUNDRY_CACHE_PATH: join(out, 'cache'),
                FOUNDRY_ADDITIONAL_COMPILER_PROFILES: '[]',
                FOUNDRY_COMPILATION_RESTRICTIONS: '[]',
                FOUNDRY_FUZZ_SEED: '0x1',
                FOUNDRY_FUZZ_RUNS: '32',
            },
        },
    );
    if (run.status !== 0) fail(`forge coverage failed:\n${run.error ?? run.stdout.slice(-6000) + run.stderr}`);
    console.log(run.stdout.match(/^Ran \d+ test suites.*$/m)?.[0] ?? '');
    return readFileSync(file, 'utf8');
}

// Prints the table, returns the gaps. A function that never runs is one gap, not one for each of its lines.
function report(lcov) {
    const gaps = [];
    const row = (name, lines, branches) => console.log(name.padEnd(32) + lines.padStart(20) + branches.padStart(20));
    const share = ([hit, all]) => (all ? `${((100 * hit) / all).toFixed(1)} % ${`${hit}/${all}`.padStart(9)}` : '-');
    const total = { lines: [0, 0], branches: [0, 0] };
    row('file', 'lines', 'branches');
    for (const record of lcov.split('end_of_record')) {
        const path = record.match(/^SF:contracts\/src\/(.*)$/m)?.[1];
        if (!path) continue;
        const text = readFileSync(join(root, 'contracts/src', path), 'utf8').split('\n');
        const fields = (tag) => [...record.matchAll(new RegExp(`^${tag}:(.*)$`, 'gm'))].map(([, value]) => value.split(','));
        const starts = fields('FN').map(([line, name]) => ({ line: Number(line), name: name.split('.').at(-1) }));
        const functionAt = (line) => starts.filter((start) => start.line <= line).at(-1)?.name ?? '';
        const idle = new Set(fields('FNDA').filter(([hits]) => hits === '0').map(([, name]) => name.split('.').at(-1)));
        const add = (line, what) => {
            const name = functionAt(line);
            const gap = idle.has(name) ? { file: path, function: name, what: 'all' } : { file: path, function: name, what, line: text[line - 1].trim() };
            if (!gaps.some((known) => same(known, gap))) gaps.push({ ...gap, number: line });
        };
        const counts = { lines: [0, 0], branches: [0, 0] };
        const count = (kind, hits) => {
            for (const sum of [counts[kind], total[kind]]) (sum[0] += hits > 0), (sum[1] += 1);
        };
        for (const [line, hits] of fields('DA')) {
            count('lines', Number(hits));
            if (hits === '0') add(Number(line), 'line');
        }
        const seen = {};
        for (const [line, , , hits] of fields('BRDA')) {
            seen[line] = (seen[line] ?? 0) + 1;
            count('branches', Number(hits) || 0);
            if (!(Number(hits) > 0)) add(Number(line), `branch ${seen[line]}`);
        }
        row(path, share(counts.lines), share(counts.branches));
    }
    if (!total.lines[1]) fail('forge coverage reported no source');
    row('all', share(total.lines), share(total.branches));
    return gaps;
}

function same(a, b) {
    return a.file === b.file && a.function === b.function && a.what === b.what && a.line === b.line;
}

function describe({ file, function: name, what, line, number }) {
    return `${file}${number ? `:${number}` : ''} ${name}, ${what}${line ? `: ${line}` : ''}`;
}

function fail(message) {
    console.error(`error: ${message}`);
    process.exit(1);
}
