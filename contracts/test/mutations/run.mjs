#!/usr/bin/env node
// Breaks each rule of list.json on purpose, in a copy, and runs the law that guards it: the law must fail.
//   node contracts/test/mutations/run.mjs [LAW ...]
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../../..');
const wanted = process.argv.slice(2).map(Number);
const mutations = JSON.parse(readFileSync(join(here, 'list.json'), 'utf8'));
const copy = mkdtempSync(join(tmpdir(), 'mutations-'));
process.on('exit', () => rmSync(copy, { recursive: true, force: true }));

for (const name of ['foundry.toml', 'contracts/src', 'contracts/test', 'contracts/bin', 'contracts/out', 'contracts/cache/solidity-files-cache.json']) {
    try {
        cpSync(join(root, name), join(copy, name), { recursive: true });
    } catch (error) {
        if (error.code !== 'ENOENT') throw error;
    }
}
symlinkSync(join(root, 'contracts/node_modules'), join(copy, 'contracts/node_modules'));
symlinkSync(join(root, 'contracts/package.json'), join(copy, 'contracts/package.json'));
const forge = join(root, 'contracts/bin/forge');

let survived = 0;
for (const { law, test, file, find, replace } of mutations) {
    if (wanted.length && !wanted.includes(law)) continue;
    const path = join(copy, 'contracts/src', file);
    const source = readFileSync(path, 'utf8');
    if (!source.includes(find)) fail(`law ${law}: ${file} has no such line any more: ${find}`);
    writeFileSync(path, source.replace(find, () => replace));
    const name = test ?? `invariant_${String(law).padStart(2, '0')}_`;
    const run = spawnSync(forge, ['test', '--match-test', name], { cwd: copy, encoding: 'utf8' });
    writeFileSync(path, source);
    rmSync(join(copy, 'contracts/cache/invariant'), { recursive: true, force: true });
    if (/Compiler run failed/.test(run.stdout + run.stderr)) fail(`law ${law} does not compile:\n${run.stdout}${run.stderr}`);
    const killed = run.status !== 0 && /\[FAIL/.test(run.stdout);
    if (!killed) survived += 1;
    console.log(`${killed ? 'fails, as it must' : 'SURVIVED'}: law ${law}, ${file}`);
}
if (survived) fail(`${survived} broken rules were not noticed`);

function fail(message) {
    console.error(`error: ${message}`);
    process.exit(1);
}
