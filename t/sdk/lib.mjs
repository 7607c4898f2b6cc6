// What the scripts for the clients share. Each prints "ok - name" or
// "not ok - name" lines, then "done"; t/sdk.t reads them.
//
// Environment: LLM_URL, where nginx is (or the mock upstream itself, when
// LLM_DIRECT is set: then nothing is asserted about the cache); LLM_MOCK_URL,
// the mock upstream, whose own answers are what a client must get through
// nginx too.
import { isDeepStrictEqual, inspect } from 'node:util';

export const url = process.env.LLM_URL;
export const mockUrl = process.env.LLM_MOCK_URL;
export const direct = Boolean(process.env.LLM_DIRECT);

export function ok(value, name, detail) {
  console.log(`${value ? 'ok' : 'not ok'} - ${name}`);
  if (!value && detail !== undefined) {
    const text = typeof detail === 'string' ? detail
      : inspect(detail, { depth: 12, breakLength: 120 });
    console.log(text.slice(0, 4000).replace(/^/gm, '# '));
  }
}

export function same(got, wanted, name) {
  ok(isDeepStrictEqual(got, wanted), name, { got, wanted });
}

// A fetch that remembers every answer's Cache-Status; as the clients call it.
// `seen` grows by one entry per request that went out.
export function recorder() {
  const seen = [];
  const recorded = async (...args) => {
    const answer = await fetch(...args);
    seen.push({
      status: answer.status,
      cache: answer.headers.get('cache-status') ?? '',
      type: answer.headers.get('content-type') ?? '',
    });
    return answer;
  };
  return { seen, fetch: recorded };
}

const hit = (seen) => /^ngx_llm; *hit/.test(seen.at(-1)?.cache);

// Plain data: what the client's object holds, without its methods.
export const plain = (value) => JSON.parse(JSON.stringify(value));

// What a client adds of its own when it parses, and what one form of an
// answer carries empty and the other not at all, removed.
const added = new Set(['parsed', 'parsed_arguments', 'output_parsed',
  'output_text', 'parsed_output']);
export function bare(value) {
  if (Array.isArray(value)) {
    return value.map(bare);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const out = {};
  for (const key of Object.keys(value).sort()) {
    const inner = bare(value[key]);
    const empty = inner === null || inner === undefined || inner === ''
      || (typeof inner === 'object' && Object.keys(inner).length === 0);
    if (!empty && !added.has(key)) {
      out[key] = inner;
    }
  }
  return out;
}

let scope = 0;

// Asks for one answer as a miss in one form and as a hit in another, for
// every pair of forms, and compares each with what the mock upstream itself
// gave in that form. `forms` maps a name to a function (base, headers, fetch)
// that asks and gives the client's result as plain data. Forms whose results
// are not to be compared across (a raw iterator's chunks) have a `_` in front
// of their names and are compared with themselves alone.
export async function matrix(name, forms) {
  const names = Object.keys(forms);
  const truth = {};
  for (const form of names) {
    try {
      truth[form] = await forms[form](mockUrl, {}, fetch);
    } catch (error) {
      ok(false, `${name}: ${form} from the mock upstream`, error);
      return;
    }
  }
  const shown = names.filter((form) => !form.startsWith('_'));
  for (const form of shown.slice(1)) {
    same(bare(truth[form]), bare(truth[shown[0]]),
      `${name}: ${form} and ${shown[0]} of the mock upstream agree`);
  }
  if (direct) {
    return;
  }
  for (const first of names) {
    for (const second of names) {
      await pair(`${name}: ${first} -> ${second}`, forms, truth, first,
        second);
    }
  }
}

async function pair(name, forms, truth, first, second) {
  const headers = { 'X-Scope': `${process.pid}-${++scope}` };
  const { seen, fetch: recorded } = recorder();
  try {
    const one = await forms[first](url, headers, recorded);
    ok(!hit(seen), `${name}: the first is no hit`, seen);
    same(one, truth[first], `${name}: the first is as without nginx`);
    const two = await forms[second](url, headers, recorded);
    ok(hit(seen), `${name}: the second is a hit`, seen);
    // From the other form: equal but for what that form cannot carry.
    if (first === second) {
      same(two, truth[second], `${name}: the hit is as without nginx`);
    } else {
      same(bare(two), bare(truth[second]),
        `${name}: the hit is as without nginx`);
    }
  } catch (error) {
    ok(false, name, error);
  }
}

// For X-Mock: the first request that carries it fails with this status. The
// mock upstream tells such settings apart by their text.
let failures = 0;
export const failsOnce = (status) => `status=${status},times=1,`
  + `retry_after_ms=5.${process.pid}${++failures}`;

export async function rejects(name, call, check) {
  try {
    await call();
  } catch (error) {
    let fine = false;
    try {
      fine = check(error);
    } catch { /* not fine */ }
    ok(fine, name, error);
    return;
  }
  ok(false, name, 'no error');
}

export async function collect(iterable) {
  const all = [];
  for await (const item of iterable) {
    all.push(plain(item));
  }
  return all;
}

// Runs the parts one after the other; a part that dies is a failed test.
export async function run(parts) {
  for (const [name, part] of Object.entries(parts)) {
    try {
      await part();
    } catch (error) {
      ok(false, name, error);
    }
  }
  console.log('done');
}

export const schema = {
  type: 'object',
  properties: {
    city: { type: 'string' },
    degrees: { type: 'number' },
    tags: { type: 'array', items: { type: 'string' } },
  },
  required: ['city', 'degrees', 'tags'],
  additionalProperties: false,
};
