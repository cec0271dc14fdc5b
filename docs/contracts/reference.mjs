#!/usr/bin/env node
// Writes the generated parts of these pages: every function, event, error and type of each contract, from the compiler's
// syntax tree and NatSpec. What an error means to a caller is in meanings.json.
//   node docs/contracts/reference.mjs           rewrites what is between <!-- generated: NAME --> and <!-- end -->
//   node docs/contracts/reference.mjs --check   fails when a page is not what the sources give
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, sourcesOf } from '../../contracts/verification.mjs';

const OWN = 'contracts/src/';
const PATHS = [
    'Anchor', 'AssetRegistry', 'Disputes', 'Licences', 'Market', 'Payouts', 'Pot', 'RoyaltyInbox', 'Staking', 'arbiters/CouncilArbiter',
    'arbiters/ERC792Arbiter',
].map((name) => `${OWN}${name}.sol`);
/** Calls of these interfaces end in our own contracts, so their errors come through. */
const BEHIND = {
    IAssetRegistry: 'AssetRegistry', IDisputes: 'Disputes', ILicences: 'Licences', IPayouts: 'Payouts', IPot: 'Pot',
};

const ERRORS = 'error | selector | meaning, and what to do | raised by';

const here = dirname(fileURLToPath(import.meta.url));
const check = process.argv.includes('--check');
const meanings = JSON.parse(readFileSync(join(here, 'meanings.json'), 'utf8'));
const meaningsUsed = new Set();
const problems = [];

const sources = sourcesOf(PATHS);
const output = compile({
    language: 'Solidity',
    sources,
    settings: { evmVersion: 'cancun', outputSelection: { '*': { '': ['ast'] } } },
});
const nodes = new Map();
const sourceOf = new Map();
for (const [path, { ast }] of Object.entries(output.sources)) {
    walk(ast, (node) => {
        nodes.set(node.id, node);
        sourceOf.set(node.id, path);
    });
}
const contracts = new Map(PATHS.map((path) => [basename(path, '.sol'), declaration(path)]));
const roles = rolesOf(readFileSync(join(here, '../../contracts/README.md'), 'utf8'));

let written = 0;
const seen = new Set();
for (const file of readdirSync(here).filter((name) => name.endsWith('.md'))) {
    const page = readFileSync(join(here, file), 'utf8');
    const text = page.replace(/(<!-- generated: (\w+) -->\n)[^]*?(<!-- end -->)/g, (_, open, name, close) => {
        if (!contracts.has(name)) problems.push(`${file} names ${name}, which is no contract`);
        seen.add(name);
        return `${open}\n${reference(contracts.get(name))}\n${close}`;
    });
    if (text === page) continue;
    written += 1;
    if (check) problems.push(`${file} is not what the sources give: run node docs/contracts/reference.mjs`);
    else writeFileSync(join(here, file), text);
}
for (const name of contracts.keys()) if (!seen.has(name)) problems.push(`no page has the reference of ${name}`);
for (const [scope, known] of Object.entries(meanings)) {
    for (const name of Object.keys(known)) {
        if (!meaningsUsed.has(`${scope}.${name}`)) problems.push(`meanings.json: ${scope}.${name} is not needed`);
    }
}
if (problems.length) {
    console.error(problems.map((problem) => `error: ${problem}`).join('\n'));
    process.exit(1);
}
console.log(written ? `wrote ${written} pages` : `${contracts.size} contracts are described as they are`);

// --------------------------------------------------------------------------------------------------------------- pages

function reference(contract) {
    const functions = membersOf(contract, 'functionSelector');
    const events = used(contract.usedEvents, 'eventSelector');
    const errors = used(contract.usedErrors, 'errorSelector');
    const own = functions.filter(isOwn);
    const calls = own.filter(({ stateMutability }) => changes(stateMutability));
    const views = own.filter(({ stateMutability }) => !changes(stateMutability));
    const unnamed = partsOf(contract).filter(({ kind }) => kind === 'constructor' || kind === 'receive');
    const raised = new Map([...functions, ...unnamed].map((one) => [one, raisedBy(contract, one)]));
    compareWithAbi(contract, functions, events, errors);
    const parts = [
        `### Functions of ${contract.name}\n\n${calls.map((one) => callText(contract, one, raised.get(one))).join('\n\n')}`,
        section(`Views of ${contract.name}`, 'view | selector | meaning', views.map((one) => viewRow(contract, one))),
        inherited(contract, functions.filter((one) => !isOwn(one))),
        section(`Types of ${contract.name}`, 'type | meaning', typesOf(contract).map(typeRow)),
        section(`Events of ${contract.name}`, 'event | topic 0 | meaning', events.filter(isOwn).map((one) => eventRow(contract, one))),
        section(`Events of ${contract.name} by its standards`, 'event | topic 0', events.filter((one) => !isOwn(one)).map(eventHead)),
        section(`Errors of ${contract.name}`, ERRORS, errors.map((one) => errorRow(contract, one, raised))),
    ];
    return `${parts.filter(Boolean).join('\n\n')}\n`;
}

/** What is described is what contracts/artifacts has; Pot has no artifact. */
function compareWithAbi(contract, ...described) {
    const file = join(here, `../../contracts/artifacts/${contract.name}.json`);
    if (!existsSync(file)) return;
    const { abi } = JSON.parse(readFileSync(file, 'utf8'));
    const names = abi.map(({ name }) => name).filter(Boolean).sort().join();
    if (described.flat().map(({ name }) => name).sort().join() !== names) problems.push(`${contract.name}: the ABI has ${names}`);
}

function callText(contract, one, raised) {
    const doc = documentation(contract, one);
    // AccessManager gives what is restricted and has no role to its admin.
    const role = roles.get(`${contract.name}.${one.name}`) ?? (isRestricted(one) ? 'the admin of AccessManager' : undefined);
    const lines = [`#### \`${signature(one)}\`${one.stateMutability === 'payable' ? ' payable' : ''}${returns(one)}`, ''];
    lines.push([`Selector \`0x${one.functionSelector}\`.`, role && `Role: ${role}.`, doc.notice].filter(Boolean).join(' '));
    if (doc.dev) lines.push('', doc.dev);
    const named = [...parametersOf(one), ...returnsOf(one)].filter(({ name }) => doc.params[name]);
    if (named.length) lines.push('', ...named.map(({ name }) => `- \`${name}\`: ${doc.params[name]}`));
    if (raised.size) lines.push('', `Errors: ${byContract(contract, raised)}.`);
    return lines.join('\n');
}

/** Errors by name; those of other contracts with theirs. */
function byContract(contract, raised) {
    return [...raised.values()]
        .map(({ error, by }) => (by === contract ? code(error.name) : `${code(error.name)} (${by.name})`))
        .sort((a, b) => (a.includes('(') ? 1 : 0) - (b.includes('(') ? 1 : 0) || (a < b ? -1 : 1))
        .join(', ');
}

function viewRow(contract, one) {
    const doc = documentation(contract, one);
    const parameters = Object.entries(doc.params).map(([name, meaning]) => `\`${name}\`: ${meaning}`);
    const notice = doc.notice || (doc.dev ? '' : meaningOf(contract, one.name));
    const text = [notice, doc.dev, ...parameters, valueOf(one)].filter(Boolean).join(' ');
    return [code(signature(one)) + returns(one), code(`0x${one.functionSelector}`), text];
}

/** The value of a constant, as the source has it. */
function valueOf(one) {
    if (!one.constant || !one.value) return '';
    const [start, length] = one.value.src.split(':').map(Number);
    const text = Buffer.from(sources[sourceOf.get(one.id)].content).subarray(start, start + length).toString();
    return `Value: ${code(text)}.`;
}

function inherited(contract, functions) {
    if (!functions.length) return '';
    const rows = functions.map((one) => [code(signature(one)) + returns(one), code(`0x${one.functionSelector}`), origin(one)]);
    return section(`${contract.name} by its standards`, 'function | selector | from', rows);
}

function typeRow(type) {
    const doc = natspec(type);
    const fields = (type.members ?? []).map((member) => {
        const kind = member.typeDescriptions?.typeString;
        const head = type.nodeType === 'EnumDefinition' ? code(member.name) : `${code(`${short(kind)} ${member.name}`)}`;
        return doc.params[member.name] ? `${head}: ${doc.params[member.name]}` : head;
    });
    const list = type.nodeType === 'EnumDefinition' ? fields.map((field, at) => `${at} ${field}`).join(', ') : fields.join('<br>');
    return [code(type.name), [doc.notice, doc.dev, list].filter(Boolean).join('<br>')];
}

function eventRow(contract, one) {
    const doc = natspec(one);
    const params = Object.entries(doc.params).map(([name, meaning]) => `\`${name}\`: ${meaning}`);
    const lines = [doc.notice || meaningOf(contract, one.name), doc.dev, ...params];
    return [...eventHead(one), lines.filter(Boolean).join('<br>')];
}

function eventHead(one) {
    return [code(signature(one, true)), code(`0x${one.eventSelector}`)];
}

function errorRow(contract, error, raised) {
    const by = [...raised].filter(([, set]) => set.has(`${contract.id}:${error.id}`)).map(([one]) => one.name || one.kind);
    const all = [...new Set(by)].sort().map(code);
    const places = all.length > 8 ? `${all.slice(0, 6).join(', ')} and ${all.length - 6} more` : all.join(', ') || 'nothing here';
    return [code(signature(error)), code(`0x${error.errorSelector}`), meaningOf(contract, error.name), places];
}

/** What meanings.json says of a name in a contract, or in all of them. */
function meaningOf(contract, name) {
    const scope = meanings[contract.name]?.[name] ? contract.name : '*';
    meaningsUsed.add(`${scope}.${name}`);
    const meaning = meanings[scope][name];
    if (!meaning) problems.push(`meanings.json lacks ${contract.name}.${name}`);
    return meaning;
}

function section(title, head, rows) {
    if (!rows.length) return '';
    const line = (cells) => `| ${cells.map((cell) => String(cell).replace(/\|/g, '\\|')).join(' | ')} |`;
    return [`### ${title}`, '', line(head.split(' | ')), line(head.split(' | ').map(() => '---')), ...rows.map(line)].join('\n');
}

// ---------------------------------------------------------------------------------------------------------- signatures

function signature(one, indexed = false) {
    const parameters = parametersOf(one).map(({ name, type, isIndexed }) => [type, indexed && isIndexed && 'indexed', name]);
    return `${one.name}(${parameters.map((words) => words.filter(Boolean).join(' ')).join(', ')})`;
}

function returns(one) {
    const values = returnsOf(one).map(({ name, type }) => [type, name].filter(Boolean).join(' '));
    return values.length ? ` → ${code(values.join(', '))}` : '';
}

function parametersOf(one) {
    if (one.nodeType === 'VariableDeclaration') return keysOf(one.typeName);
    return one.parameters.parameters.map(plain);
}

function returnsOf(one) {
    if (one.nodeType !== 'VariableDeclaration') return (one.returnParameters?.parameters ?? []).map(plain);
    let type = one.typeName;
    while (type.nodeType === 'Mapping') type = type.valueType;
    return [{ name: '', type: short(type.typeDescriptions.typeString) }];
}

function keysOf(type) {
    if (type.nodeType !== 'Mapping') return [];
    return [{ name: type.keyName ?? '', type: short(type.keyType.typeDescriptions.typeString) }, ...keysOf(type.valueType)];
}

function plain({ name, indexed, typeDescriptions }) {
    return { name, type: short(typeDescriptions.typeString), isIndexed: indexed };
}

/** `struct IMarket.Order` is written `Order`; a contract is an address. */
function short(type) {
    return type.replace(/contract \w+/g, 'address').replace(/(?:struct|enum) (?:\w+\.)?/g, '').replace('address payable', 'address');
}

function code(text) {
    return `\`${text}\``;
}

// ------------------------------------------------------------------------------------------------------------- NatSpec

function natspec(one) {
    const doc = { notice: '', dev: '', params: {} };
    const text = (one?.documentation?.text ?? '').replace(/\s*\n\s*/g, ' ').trim();
    const tags = /@(\w+)\s+(.*?)(?=\s@(?:notice|dev|param|return|inheritdoc)\b|$)/g;
    for (const [, tag, body] of text.matchAll(tags)) {
        const said = body.trim();
        const [, name, meaning] = /^(\S+)\s*(.*)$/.exec(said) ?? [];
        if (tag === 'notice') doc.notice = said;
        else if (tag === 'dev') doc.dev = said;
        else if (tag === 'param' || tag === 'return') doc.params[name] = meaning;
        else if (tag === 'inheritdoc') doc.inherit = name;
    }
    return doc;
}

/** A function's own words, or those of the interface that it points to. */
function documentation(contract, one) {
    const doc = natspec(one);
    if (!doc.inherit && one.documentation) return doc;
    const bases = (one.baseFunctions ?? []).map((id) => nodes.get(id));
    const base = bases.find((candidate) => !doc.inherit || parentOf(candidate).name === doc.inherit);
    return base ? documentation(contract, base) : doc;
}

// -------------------------------------------------------------------------------------------------------- syntax tree

function walk(node, visit) {
    if (Array.isArray(node)) return node.forEach((one) => walk(one, visit));
    if (!node || typeof node !== 'object') return;
    if (node.nodeType) visit(node);
    for (const value of Object.values(node)) if (value && typeof value === 'object') walk(value, visit);
}

function declaration(path) {
    const isIt = ({ nodeType, name }) => nodeType === 'ContractDefinition' && name === basename(path, '.sol');
    return output.sources[path].ast.nodes.find(isIt);
}

function parentOf(node) {
    return nodes.get(node.scope);
}

function linearized(contract) {
    return contract.linearizedBaseContracts.map((id) => nodes.get(id));
}

/** All that a contract and its bases are made of, the most derived first. */
function partsOf(contract) {
    return linearized(contract).flatMap(({ nodes: members }) => members);
}

/** The outer functions of a contract, the most derived of each. */
function membersOf(contract, selector) {
    const found = new Map();
    for (const part of partsOf(contract)) if (part[selector] && !found.has(part[selector])) found.set(part[selector], part);
    return [...found.values()];
}

function used(ids, selector) {
    const found = new Map(ids.map((id) => [nodes.get(id)[selector], nodes.get(id)]));
    return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a function, an event is declared by us: overriding what a standard has does not count. */
function isOwn(one) {
    return origin(one) === '';
}

/** The standard that first declared a function; nothing when we did. */
function origin(one) {
    if (!sourceOf.get(one.id).startsWith(OWN)) return parentOf(one).name;
    return (one.baseFunctions ?? []).map((id) => origin(nodes.get(id))).find(Boolean) ?? '';
}

function typesOf(contract) {
    const isType = ({ nodeType }) => nodeType === 'StructDefinition' || nodeType === 'EnumDefinition';
    return partsOf(contract).filter((part) => isType(part) && sourceOf.get(part.id).startsWith(`${OWN}interfaces/`));
}

function changes(mutability) {
    return mutability === 'nonpayable' || mutability === 'payable';
}

function isRestricted(one) {
    return (one.modifiers ?? []).some(({ modifierName }) => modifierName.name === 'restricted');
}

/** The errors that a call can end in, by following what it calls: in this contract, in libraries, in our other contracts. */
function raisedBy(contract, start) {
    const found = new Map();
    const visited = new Set();
    const follow = (context, node) => {
        if (!node || visited.has(`${context.id}:${node.id}`)) return;
        visited.add(`${context.id}:${node.id}`);
        const skipped = new Set();
        walk(node, (one) => {
            if (one.nodeType === 'TryStatement') skipped.add(one.externalCall.id);
            if (one.nodeType === 'ModifierInvocation') {
                const modifier = nodes.get(one.modifierName.referencedDeclaration);
                if (modifier.nodeType === 'ModifierDefinition') follow(context, modifier);
            }
            if (one.nodeType !== 'FunctionCall' || skipped.has(one.id)) return;
            const expression = one.expression.nodeType === 'FunctionCallOptions' ? one.expression.expression : one.expression;
            const target = nodes.get(expression.referencedDeclaration);
            if (target?.nodeType === 'ErrorDefinition') found.set(`${context.id}:${target.id}`, { error: target, by: context });
            if (target?.nodeType !== 'FunctionDefinition') return;
            const home = parentOf(target);
            const behind = contracts.get(BEHIND[home?.name] ?? home?.name);
            if (linearized(context).includes(home)) {
                follow(context, isSuper(expression) ? target : resolved(context, target));
            } else if (home?.contractKind === 'library' || !home?.linearizedBaseContracts) {
                follow(context, target);
            } else if (behind) {
                follow(behind, resolved(behind, target));
            }
        });
    };
    follow(contract, start);
    return found;
}

function isSuper(expression) {
    return expression.nodeType === 'MemberAccess' && expression.expression.name === 'super';
}

/** The most derived function of a contract with this name and these parameters. */
function resolved(contract, target) {
    const typeOf = ({ typeDescriptions }) => typeDescriptions.typeString.replace(/ (memory|calldata)/g, '');
    const headOf = (one) => `${one.name}(${one.parameters.parameters.map(typeOf).join()})`;
    const functions = partsOf(contract).filter(({ nodeType, implemented }) => nodeType === 'FunctionDefinition' && implemented);
    return functions.find((one) => headOf(one) === headOf(target));
}

/** The table of roles in contracts/README.md, by contract and function. */
function rolesOf(text) {
    const found = new Map();
    for (const [, contract, functions, role] of text.matchAll(/^\| (\w+) \| ((?:`\w+`(?:, )?)+) \| \d (\w+)/gm)) {
        for (const [, name] of functions.matchAll(/`(\w+)`/g)) found.set(`${contract}.${name}`, role);
    }
    return found;
}
