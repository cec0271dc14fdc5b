#!/usr/bin/env node
// Writes contracts/artifacts/: the ABI and bytecode that the Rust bindings and the web pages are made from.
//   node contracts/artifacts.mjs           build and write
//   node contracts/artifacts.mjs --check   build and fail when what is checked in differs
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONTRACTS = [
    'AccessManager', 'Anchor', 'AssetRegistry', 'CouncilArbiter', 'Disputes', 'ERC792Arbiter', 'Licences', 'Market', 'Payouts',
    'RoyaltyInbox', 'SignatureCheck', 'Staking', 'TestToken',
];

const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes('--check');

// The compiler's messages go to stderr, so that stdout is ours.
const forge = join(here, 'bin', 'forge');
const build = spawnSync(forge, ['build', '--quiet'], { cwd: dirname(here), stdio: ['ignore', 2, 2] });
if (build.error) fail(`cannot run forge (${build.error.message}): run npm --prefix contracts ci`);
if (build.status !== 0) fail('forge build failed');

mkdirSync(join(here, 'artifacts'), { recursive: true });
const stale = [];
for (const name of CONTRACTS) {
    // forge adds the profile's name where it compiled a contract under both.
    const output = read(join(here, 'out', `${name}.sol`, `${name}.json`)) ?? read(join(here, 'out', `${name}.sol`, `${name}.default.json`));
    if (!output) fail(`forge made no ${name}`);
    const built = JSON.parse(output);
    if (built.bytecode.object.includes('__$')) fail(`${name} has unlinked libraries`);
    const text = format({ contractName: name, abi: built.abi, bytecode: built.bytecode.object });
    const file = join(here, 'artifacts', `${name}.json`);
    if (text === read(file)) continue;
    stale.push(name);
    if (!check) writeFileSync(file, text);
}
if (check && stale.length) fail(`stale: ${stale.join(', ')}. Run node contracts/artifacts.mjs`);
console.log(stale.length ? `wrote ${stale.join(', ')}` : `${CONTRACTS.length} artifacts are up to date`);

// One ABI entry a line: small, and readable in a diff.
function format({ contractName, abi, bytecode }) {
    const entries = abi.map((entry) => `    ${JSON.stringify(entry)}`).join(',\n');
    return `{\n  "contractName": "${contractName}",\n  "abi": [\n${entries}\n  ],\n  "bytecode": "${bytecode}"\n}\n`;
}

function read(file) {
    try {
        return readFileSync(file, 'utf8');
    } catch {
        return null;
    }
}

function fail(message) {
    console.error(`error: ${message}`);
    process.exit(1);
}
