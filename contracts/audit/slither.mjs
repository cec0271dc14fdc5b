// Compares what Slither found with accepted.json: slither.mjs REPORT LOG
import { readFileSync } from 'node:fs';

const [report, log] = process.argv.slice(2).map((path) => readFileSync(path, 'utf8'));
const { success, error, results } = JSON.parse(report);
const { findings: accepted, unread } = JSON.parse(readFileSync(new URL('accepted.json', import.meta.url), 'utf8'));
if (!success) fail(`Slither failed: ${error}`);

const found = (results.detectors ?? [])
    .filter(({ impact }) => impact === 'High' || impact === 'Medium')
    .map(({ check, impact, description, elements: [place] }) => ({ key: `${check} in ${where(place)}`, text: `${impact}: ${description}` }));
const skipped = [...log.matchAll(/Impossible to generate IR for (\S+)/g)].map(([, key]) => ({ key: `unread ${key}`, text: '' }));
const left = [...accepted.map(({ detector, where }) => `${detector} in ${where}`), ...unread.map((entry) => `unread ${entry.function}`)];

// Each entry answers one finding: a second one of the same kind in the same place is new. What Slither cannot read, it says
// as often as it meets it.
let open = 0;
for (const { key, text } of [...found, ...new Map(skipped.map((skip) => [skip.key, skip])).values()]) {
    if (left.includes(key)) left.splice(left.indexOf(key), 1);
    else open += 1, console.log(`not accepted: ${key}\n${text}`);
}
for (const key of left) console.log(`accepted, but found no more: ${key}`);
if (open || left.length) fail('mend it, or say in contracts/audit/accepted.json why it is right; take out what is found no more');
console.log(`slither: ${found.length} findings of high or medium impact, all accepted`);

// The function or contract that an element is in, and its variable.
function where(element) {
    const names = [];
    for (let at = element; at; at = at.type_specific_fields?.parent) {
        if (['variable', 'function', 'contract'].includes(at.type)) names.unshift(at.name);
    }
    return names.join('.');
}

function fail(message) {
    console.error(`error: ${message}`);
    process.exit(1);
}
