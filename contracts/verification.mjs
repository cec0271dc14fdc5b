#!/usr/bin/env node
// What an explorer (Etherscan, Blockscout, Sourcify) needs to verify the contracts: the compiler's input as standard JSON.
//   node contracts/verification.mjs DIR                        writes the inputs into a folder
//   node contracts/verification.mjs --check                    fails unless they compile to the bytecode in artifacts/
//   node contracts/verification.mjs --deployment FILE RPC_URL  FILE is what `tributary deploy` printed: compares what was
//                                                              deployed with artifacts/, and prints what to enter
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const OPENZEPPELIN = '@openzeppelin/contracts/';

/** Our contracts go through the IR, OpenZeppelin's manager does not: as in foundry.toml. */
const INPUTS = [
    {
        file: 'tributary.json',
        viaIR: true,
        contracts: {
            Anchor: 'contracts/src/Anchor.sol',
            AssetRegistry: 'contracts/src/AssetRegistry.sol',
            CouncilArbiter: 'contracts/src/arbiters/CouncilArbiter.sol',
            Disputes: 'contracts/src/Disputes.sol',
            ERC792Arbiter: 'contracts/src/arbiters/ERC792Arbiter.sol',
            Licences: 'contracts/src/Licences.sol',
            Market: 'contracts/src/Market.sol',
            Payouts: 'contracts/src/Payouts.sol',
            RoyaltyInbox: 'contracts/src/RoyaltyInbox.sol',
            Staking: 'contracts/src/Staking.sol',
        },
    },
    {
        file: 'manager.json',
        viaIR: false,
        contracts: { AccessManager: `${OPENZEPPELIN}access/manager/AccessManager.sol` },
    },
];

/** The contracts of a deployment by the names that `tributary deploy` gives them. */
const DEPLOYED = {
    access_manager: 'AccessManager', payouts: 'Payouts', asset_registry: 'AssetRegistry', market: 'Market', licences: 'Licences',
    staking: 'Staking', disputes: 'Disputes', council: 'CouncilArbiter', anchor: 'Anchor',
};
/** What Payouts' constructor creates, without arguments, by the selector that asks Payouts for the address. */
const CREATED = { '0x4ba2363a': 'contracts/src/Pot.sol:Pot', '0xb7010697': 'contracts/src/RoyaltyInbox.sol:RoyaltyInbox' };

if (process.argv[1] === fileURLToPath(import.meta.url)) {
    const [first, ...rest] = process.argv.slice(2);
    try {
        if (first === '--check') check();
        else if (first === '--deployment' && rest.length === 2) await describe(...rest);
        else if (first && !first.startsWith('-')) write(first);
        else throw new Error('usage: verification.mjs DIR | --check | --deployment FILE RPC_URL');
    } catch (error) {
        console.error(`error: ${error.message}`);
        process.exit(1);
    }
}

/** Sources by name: the given ones and all that they import. */
export function sourcesOf(names) {
    const sources = {};
    const wanted = [...names];
    for (let name = wanted.pop(); name; name = wanted.pop()) {
        if (sources[name]) continue;
        const content = readFileSync(join(here, name.startsWith('@') ? 'node_modules' : '..', name), 'utf8');
        sources[name] = { content };
        for (const [, path] of content.matchAll(/^(?:import .*|\} )from "([^"]+)";/gm)) {
            wanted.push(path.startsWith('.') ? join(dirname(name), path) : path);
        }
    }
    return Object.fromEntries(Object.entries(sources).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The compiler's answer; throws its errors. */
export function compile(input) {
    const output = JSON.parse(solc().compile(JSON.stringify(input)));
    const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error');
    if (errors.length) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'));
    return output;
}

function solc() {
    return createRequire(import.meta.url)('solc');
}

/** As explorers name it. */
function version() {
    return `v${solc().version().replace('.Emscripten.clang', '')}`;
}

function inputOf({ viaIR, contracts }) {
    return {
        language: 'Solidity',
        sources: sourcesOf(Object.values(contracts)),
        settings: {
            evmVersion: 'cancun',
            optimizer: { enabled: true, runs: 200 },
            viaIR,
            metadata: { bytecodeHash: 'none', appendCBOR: false },
            outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } },
        },
    };
}

function artifactOf(name) {
    return JSON.parse(readFileSync(join(here, 'artifacts', `${name}.json`), 'utf8')).bytecode;
}

function write(folder) {
    mkdirSync(folder, { recursive: true });
    for (const one of INPUTS) {
        writeFileSync(join(folder, one.file), JSON.stringify(inputOf(one)));
        console.log(`${join(folder, one.file)}: ${Object.keys(one.contracts).join(', ')}`);
    }
    console.log(`compiler ${version()}; evm version, optimizer and IR are in the input`);
}

/** The compiler takes most of a minute, and the same input gives the same output: what was compared once is remembered. */
function check() {
    const inputs = INPUTS.map((one) => ({ ...one, input: inputOf(one), expected: Object.keys(one.contracts).map(artifactOf) }));
    const fingerprint = createHash('sha256').update(version() + JSON.stringify(inputs)).digest('hex');
    const memory = join(here, 'cache', 'verification');
    if (read(memory) !== fingerprint) {
        for (const { input, contracts, expected } of inputs) {
            const output = compile(input);
            Object.entries(contracts).forEach(([name, path], at) => {
                const made = `0x${output.contracts[path][name].evm.bytecode.object}`;
                if (made !== expected[at]) throw new Error(`the standard JSON does not give the bytecode in artifacts/${name}.json`);
            });
        }
        mkdirSync(dirname(memory), { recursive: true });
        writeFileSync(memory, fingerprint);
    }
    console.log(`${inputs.flatMap(({ expected }) => expected).length} contracts compile to the bytecode in artifacts/, with ${version()}`);
}

/** Finds the transactions that created a deployment; what follows the bytecode in them are the constructor's arguments. */
async function describe(file, url) {
    const deployment = JSON.parse(readFileSync(file, 'utf8'));
    const chainId = Number(await rpc(url, 'eth_chainId'));
    if (chainId !== deployment.chain_id) throw new Error(`${url} is chain ${chainId}, the deployment is on chain ${deployment.chain_id}`);
    const missing = new Map(Object.entries(DEPLOYED).map(([field, name]) => [deployment[field].toLowerCase(), name]));
    const paths = Object.assign({}, ...INPUTS.map(({ contracts }) => contracts));
    const fileOf = (name) => INPUTS.find(({ contracts }) => contracts[name]).file;
    console.log(`compiler ${version()}, chain ${chainId}`);
    for (const [selector, name] of Object.entries(CREATED)) {
        const word = await rpc(url, 'eth_call', { to: deployment.payouts, data: selector }, 'latest');
        print(`0x${word.slice(-40)}`, name, 'tributary.json', '');
    }
    const head = Number(await rpc(url, 'eth_blockNumber'));
    for (let block = deployment.from_block; block <= head && missing.size; block += 1) {
        const { transactions } = await rpc(url, 'eth_getBlockByNumber', `0x${block.toString(16)}`, true);
        for (const { hash, input } of transactions.filter(({ to }) => to === null)) {
            const { contractAddress } = await rpc(url, 'eth_getTransactionReceipt', hash);
            const name = missing.get(contractAddress?.toLowerCase());
            if (!name) continue;
            const code = artifactOf(name);
            if (!input.startsWith(code)) throw new Error(`${name} at ${contractAddress} was not made from artifacts/${name}.json`);
            print(contractAddress, `${paths[name]}:${name}`, fileOf(name), input.slice(code.length));
            missing.delete(contractAddress.toLowerCase());
        }
    }
    if (missing.size) throw new Error(`found no transaction that created ${[...missing.values()].join(', ')}`);
}

function print(address, name, input, args) {
    console.log(`\n${name}\n  address    ${address}\n  input      ${input}\n  arguments  ${args || '(none)'}`);
}

async function rpc(url, method, ...params) {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const { result, error } = await answer.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
}

function read(file) {
    try {
        return readFileSync(file, 'utf8');
    } catch {
        return undefined;
    }
}
