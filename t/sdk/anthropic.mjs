// The Anthropic client. Its package's name is the argument:
// @anthropic-ai/sdk, anthropic-0.
import { bare, collect, direct, failsOnce, matrix, ok, plain, recorder,
  rejects, run, same, schema, url } from './lib.mjs';

const name = process.argv[2] ?? '@anthropic-ai/sdk';
const Anthropic = (await import(name)).default;

const client = (base, headers, fetch, more = {}) => new Anthropic({
  apiKey: 'sk-ant-test', baseURL: base, defaultHeaders: headers, fetch,
  maxRetries: 0, ...more,
});

const model = 'claude-test';
const user = (content) => [{ role: 'user', content }];
const tools = ['weather', 'time'].map((tool) => ({
  name: tool, description: tool, input_schema: schema,
}));

function forms(body, mock = {}) {
  return {
    json: async (base, headers, fetch) => plain(
      await client(base, { ...headers, ...mock }, fetch)
        .messages.create(body)),
    stream: async (base, headers, fetch) => plain(
      await client(base, { ...headers, ...mock }, fetch)
        .messages.stream(body).finalMessage()),
    _raw: async (base, headers, fetch) => raw(await collect(
      await client(base, { ...headers, ...mock }, fetch)
        .messages.create({ ...body, stream: true }))),
  };
}

// What a caller that walks the events puts together.
function raw(events) {
  const text = (type, member) => events
    .filter((e) => e.delta?.type === type).map((e) => e.delta[member])
    .join('');
  const start = events.find((e) => e.type === 'message_start').message;
  return {
    id: start.id, model: start.model, content: start.content,
    types: events.map((e) => e.type).filter((type) => type !== 'ping')
      .filter((type, i, list) => type !== list[i - 1]),
    blocks: events.filter((e) => e.type === 'content_block_start')
      .map((e) => bare(e.content_block)),
    text: text('text_delta', 'text'),
    json: text('input_json_delta', 'partial_json'),
    thinking: text('thinking_delta', 'thinking'),
    signature: text('signature_delta', 'signature'),
    stop: events.findLast((e) => e.type === 'message_delta')
      .delta.stop_reason,
    output: events.findLast((e) => e.type === 'message_delta')
      .usage.output_tokens,
  };
}

async function messages() {
  const cases = {
    plain: [{ messages: user('Say hello: é 你好 🙂') }],
    system: [{ messages: user('Hello'), system: [{ type: 'text',
      text: 'Be brief', cache_control: { type: 'ephemeral' } }] },
    { 'X-Mock': 'cached=7,cache_write=5' }],
    tools: [{ messages: user('Call the tool'), tools,
      tool_choice: { type: 'any' } }],
    'parallel tools': [{ messages: user('Call it twice'), tools,
      tool_choice: { type: 'any' } }],
    thinking: [{ messages: user('Think'), max_tokens: 4096,
      thinking: { type: 'enabled', budget_tokens: 1024 } },
    { 'X-Mock': 'thinking=1' }],
    'revised usage and pings': [{ messages: user('Revise') },
      { 'X-Mock': 'revise=1,ping=1,padding=1' }],
    'pretty JSON': [{ messages: user('Pretty') }, { 'X-Mock': 'pretty=1' }],
  };
  for (const [what, [body, mock]] of Object.entries(cases)) {
    await matrix(`${name} messages, ${what}`,
      forms({ model, max_tokens: 1000, ...body }, mock));
  }
}

async function errors() {
  const classes = { 400: 'BadRequestError', 401: 'AuthenticationError',
    403: 'PermissionDeniedError', 404: 'NotFoundError',
    429: 'RateLimitError', 500: 'InternalServerError',
    529: 'InternalServerError' };
  for (const [status, type] of Object.entries(classes)) {
    for (const stream of [false, true]) {
      const c = client(url, { 'X-Mock': `status=${status}` }, fetch);
      await rejects(`${name}: ${status} is ${type}, stream ${stream}`,
        () => c.messages.create({ model, max_tokens: 9, stream,
          messages: user(`error ${status}`) }),
        (e) => e instanceof Anthropic[type] && e.status === Number(status)
          && e.error.type === 'error' && e.error.error.message);
    }
  }
  const inside = client(url, { 'X-Mock': 'error_at=2' }, fetch);
  await rejects(`${name}: an error inside a stream`,
    () => inside.messages.stream({ model, max_tokens: 9,
      messages: user('error inside') }).finalMessage(),
    (e) => e instanceof Anthropic.APIError);
  if (!direct) {
    await rejects(`${name}: our own 400`,
      () => client(url, {}, fetch).messages.create({ model: 5,
        max_tokens: 9, messages: user('no model') }),
      (e) => e instanceof Anthropic.BadRequestError
        && e.error.error.type === 'invalid_request_error');
  }
}

// The upstream streams on beyond what the budget pays for.
async function cut() {
  if (direct) {
    return;
  }
  const c = client(`${url}/cut`, { 'X-Mock': 'endless,gap=1',
    'X-Team': process.argv[2] ?? 'anthropic' }, fetch);
  const message = plain(await c.messages.stream({ model: 'cut',
    max_tokens: 50, messages: user('go on') }).finalMessage());
  same([message.stop_reason, message.content.length],
    ['max_tokens', 1], `${name}: a message that is cut`);
  ok(message.usage.output_tokens > 20 && message.content[0].text.length > 80,
    `${name}: what there was of it`, message);
}

async function retries() {
  for (const status of [429, 529]) {
    for (const stream of [false, true]) {
      const { fetch, seen } = recorder();
      const c = client(url, { 'X-Mock': failsOnce(status) }, fetch,
        { maxRetries: 2 });
      const r = await c.messages.create({ model, max_tokens: 9, stream,
        messages: user(`retry ${status} ${stream} ${process.pid}`) });
      if (stream) {
        await collect(r);
      }
      same(seen.map((s) => s.status), [status, 200],
        `${name}: a ${status} is tried again, stream ${stream}`);
    }
  }
}

await run({ messages, errors, cut, retries });
