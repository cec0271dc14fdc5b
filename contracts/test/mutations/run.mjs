#!/usr/bin/env node
// Breaks each rule of list.json on purpose, in a copy, and runs the law that guards it: the law must fail.
//   node contracts/test/mutations/run.mjs [LAW ...]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');
const wanted = process.argv.slice(2).map(Number);
const mutations = JSON.parse(readFileSync(join(here, 'list.json'), 'utf8')).filter(({ law }) => !wanted.length || wanted.includes(law));
// What was built stays for the next run.
const copy = join(root, 'contracts/cache/mutations');
mkdirSync(join(copy, 'contracts'), { recursive: true });
const put = (from, to) => {
    rmSync(to, { recursive: true, force: true });
    cpSync(from, to, { recursive: true, preserveTimestamps: true });
};
for (const name of ['foundry.toml', 'contracts/src', 'contracts/test', 'contracts/bin']) put(join(root, name), join(copy, name));
for (const name of ['contracts/node_modules', 'contracts/package.json']) {
    rmSync(join(copy, name), { force: true });
    symlinkSync(join(root, name), join(copy, name));
}

// Only what a mutation changes is compiled for it: the unbroken build is put back after each.
const built = ['contracts/out', 'contracts/cache'];
say('building without mutations');
forge(['build']);
for (const name of built) put(join(copy, name), join(copy, 'unbroken', name));

let survived = 0;
for (const { law, test, file, find, replace } of mutations) {
    const path = join(copy, 'contracts/src', file);
    const source = readFileSync(path, 'utf8');
    if (source.split(find).length !== 2) fail(`law ${law}: this is not once in ${file}: ${find}`);
    writeFileSync(path, source.replace(find, () => replace));
    // One seed, so that a run says the same every time; enough runs that what is rare happens; no time is spent on shortening the
    // counterexample.
    const env = { FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT: '0', FOUNDRY_INVARIANT_RUNS: '256', ...(test ? {} : { LAW: String(law) }) };
    const output = forge(['test', '--match-test', `^${test ?? 'invariant_EveryLawHolds'}`, '--fuzz-seed', '27'], env);
    const noticed = output.includes('[FAIL');
    if (!/^Suite result/m.test(output) || /\[FAIL.*setUp\(\)/.test(output)) fail(`law ${law} was not asked:\n${output}`);
    if (!noticed) survived += 1;
    say(`${noticed ? 'fails, as it must' : 'SURVIVED'}: law ${law}, ${file}: ${find.split('\n')[0]}`);
    writeFileSync(path, source);
    for (const name of built) put(join(copy, 'unbroken', name), join(copy, name));
}
if (survived) fail(`${survived} broken rules were not noticed`);
say(`all ${mutations.length} broken rules were noticed`);

// What it says counts: a build that fails is no law that fails.
function forge(args, env) {
    const run = spawnSync(join(root, 'contracts/bin/forge'), args, { cwd: copy, encoding: 'utf8', env: { ...process.env, ...env } });
    if (run.error) fail(`cannot run forge (${run.error.message}): run npm --prefix contracts ci`);
    const output = run.stdout + run.stderr;
    if (!/^Compiler run successful|^No files changed/m.test(output)) fail(`this does not compile:\n${output}`);
    return output;
}

function say(line) {
    console.log(`${Math.round(process.uptime())} s: ${line}`);
}

function fail(message) {
    console.error(`error: ${message}`);
    process.exit(1);
}
