// The OpenAI client. Its package's name is the argument: openai, openai-4.
import { bare, collect, direct, failsOnce, matrix, ok, plain, recorder,
  rejects, run, same, schema, url } from './lib.mjs';

const name = process.argv[2] ?? 'openai';
const sdk = await import(name);
const OpenAI = sdk.default;

const client = (base, headers, fetch, more = {}) => new OpenAI({
  apiKey: 'sk-test', baseURL: `${base}/v1`, defaultHeaders: headers, fetch,
  maxRetries: 0, ...more,
});

// The chat helper lives under beta in version 4.
const chatHelper = (c) => (c.chat.completions.stream
  ? c.chat.completions : c.beta.chat.completions);

const user = (content) => [{ role: 'user', content }];
const tools = ['weather', 'time'].map((tool) => ({
  type: 'function',
  function: { name: tool, description: tool, parameters: schema },
}));

function chatForms(body, mock = {}) {
  const usage = { stream_options: { include_usage: true } };
  return {
    json: async (base, headers, fetch) => plain(
      await client(base, { ...headers, ...mock }, fetch)
        .chat.completions.create(body)),
    stream: async (base, headers, fetch) => plain(
      await chatHelper(client(base, { ...headers, ...mock }, fetch))
        .stream({ ...body, ...usage }).finalChatCompletion()),
    _raw: async (base, headers, fetch) => raw(await collect(
      await client(base, { ...headers, ...mock }, fetch)
        .chat.completions.create({ ...body, stream: true }))),
  };
}

// What a caller that walks the chunks puts together.
function raw(chunks) {
  const head = ({ id, created, model, object }) => ({
    id, created, model, object });
  const choices = {};
  for (const chunk of chunks) {
    for (const { index, delta, finish_reason } of chunk.choices) {
      const c = choices[index] ??= { role: null, text: '', reasoning: '',
        tools: {} };
      c.role ??= delta.role;
      c.text += delta.content ?? '';
      c.reasoning += delta.reasoning_content ?? '';
      for (const call of delta.tool_calls ?? []) {
        const t = c.tools[call.index] ??= { arguments: '' };
        t.id ??= call.id;
        t.name ??= call.function.name;
        t.arguments += call.function.arguments ?? '';
      }
      c.finish = finish_reason ?? c.finish;
    }
  }
  return {
    head: head(chunks[0]), choices,
    constant: chunks.every((c) => c.id === chunks[0].id
      && c.created === chunks[0].created),
    usage: chunks.some((c) => c.usage),
  };
}

const model = 'gpt-4o-mini';

async function chat() {
  const cases = {
    plain: [{ messages: user('Say hello in three languages: é 你好 🙂') }],
    tools: [{ messages: user('Call the tool'), tools,
      tool_choice: 'required' }],
    'parallel tools': [{ messages: user('Call it twice'), tools,
      tool_choice: 'required', parallel_tool_calls: true }],
    'structured output': [{ messages: user('Where is it warm?'),
      response_format: { type: 'json_schema',
        json_schema: { name: 'place', strict: true, schema } } }],
    'two choices': [{ messages: user('Two of them'), n: 2 }],
    logprobs: [{ messages: user('With logprobs'), logprobs: true,
      top_logprobs: 2 }],
    refusal: [{ messages: user('Something bad') }, { 'X-Mock': 'refusal=1' }],
    'pretty JSON': [{ messages: user('Pretty') }, { 'X-Mock': 'pretty=1' }],
  };
  for (const [what, [body, mock]] of Object.entries(cases)) {
    await matrix(`${name} chat, ${what}`,
      chatForms({ model, ...body }, mock));
  }
  // The helper keeps only the last piece of members that it does not know.
  const { stream, ...forms } = chatForms({ model, messages: user('Think') },
    { 'X-Mock': 'reasoning=1' });
  await matrix(`${name} chat, reasoning`, forms);
}

async function runner() {
  const { fetch, seen } = recorder();
  const c = client(url, { 'X-Scope': `runner ${process.pid}` }, fetch);
  const body = { model, messages: user('Hello, iterator') };
  const chunks = await collect(
    await c.chat.completions.create({ ...body, stream: true }));
  ok(chunks.every((chunk) => !chunk.usage && chunk.choices.length === 1),
    `${name}: no usage chunk for who did not ask`, chunks);
  const again = await collect(await c.chat.completions.create(
    { ...body, stream: true, stream_options: { include_usage: true } }));
  ok(again.at(-1).usage?.total_tokens > 0 && again.at(-1).choices.length === 0,
    `${name}: a last usage chunk for who asks`, again.at(-1));
  ok(seen.every((s) => s.type.startsWith('text/event-stream')),
    `${name}: content type of streams`, seen);
  const { data, response } = await c.chat.completions.create(body)
    .withResponse();
  ok(data.choices[0].message.content && response.ok,
    `${name}: withResponse`);
}

async function others() {
  const json = (call) => ({ json: async (base, headers, fetch) => plain(
    await call(client(base, headers, fetch))) });
  const embed = { model: 'text-embedding-3-small', input: ['one', 'two'] };
  await matrix(`${name} embeddings, the client's own format`,
    json((c) => c.embeddings.create(embed)));
  await matrix(`${name} embeddings, float`,
    json((c) => c.embeddings.create({ ...embed, encoding_format: 'float',
      dimensions: 8 })));
  const prompt = { model: 'gpt-3.5-turbo-instruct', prompt: 'Once upon' };
  await matrix(`${name} completions`, {
    ...json((c) => c.completions.create(prompt)),
    _raw: async (base, headers, fetch) => (await collect(
      await client(base, headers, fetch).completions.create(
        { ...prompt, stream: true })))
      .reduce((all, chunk) => ({ id: chunk.id, text: all.text
        + chunk.choices.map((c) => c.text).join(''),
        finish: chunk.choices[0]?.finish_reason ?? all.finish }),
      { text: '' }),
  });
}

// Version 4 indents its bodies, and the mock upstream echoes parts of a
// /v1/responses body as they stand, where an SSE line must not be broken.
const dense = (fetch) => (where, init) => fetch(where, init?.body
  ? { ...init, body: JSON.stringify(JSON.parse(init.body)),
    headers: withoutLength(init.headers) } : init);

function withoutLength(headers) {
  const out = new Headers(headers);
  out.delete('content-length');
  return out;
}

function responsesForms(body, mock = {}) {
  return {
    json: async (base, headers, fetch) => plain(
      await client(base, { ...headers, ...mock }, dense(fetch))
        .responses.create(body)),
    stream: async (base, headers, fetch) => plain(
      await client(base, { ...headers, ...mock }, dense(fetch))
        .responses.stream(body).finalResponse()),
    _raw: async (base, headers, fetch) => events(await collect(
      await client(base, { ...headers, ...mock }, dense(fetch))
        .responses.create({ ...body, stream: true }))),
  };
}

// The pieces of a text are the provider's business, the rest is not.
function events(all) {
  const types = all.map((e) => e.type)
    .filter((type, i, list) => type !== list[i - 1]);
  const joined = (type) => all.filter((e) => e.type === type)
    .map((e) => e.delta).join('');
  return {
    types, last: bare(all.at(-1).response),
    text: joined('response.output_text.delta'),
    arguments: joined('response.function_call_arguments.delta'),
    ordered: all.every((e, i) => e.sequence_number === i),
  };
}

async function responses() {
  const functions = tools.map((t) => ({ type: 'function', strict: true,
    ...t.function }));
  const cases = {
    plain: { input: 'Say hello: é 你好 🙂' },
    tools: { input: 'Call the tool', tools: functions,
      tool_choice: 'required' },
    'parallel tools': { input: 'Call it twice', tools: functions,
      tool_choice: 'required' },
    'structured output': { input: 'Where is it warm?',
      text: { format: { type: 'json_schema', name: 'place', strict: true,
        schema } } },
  };
  await matrix(`${name} responses, pretty JSON`,
    responsesForms({ model, store: false, input: 'Pretty' },
      { 'X-Mock': 'pretty=1' }));
  for (const [what, body] of Object.entries(cases)) {
    await matrix(`${name} responses, ${what}`,
      responsesForms({ model, store: false, ...body }));
  }
}

// The provider stores it: its id leads to what only its caller may see.
async function stored() {
  if (direct) {
    return;
  }
  const { fetch, seen } = recorder();
  const c = client(url, { 'X-Scope': `stored ${process.pid}` }, fetch);
  for (const store of [undefined, true]) {
    for (let i = 0; i < 2; ++i) {
      await c.responses.create({ model, input: `Stored: ${store}`, store });
    }
  }
  ok(seen.every((s) => !s.cache.includes('hit')),
    `${name} responses: what the provider stores is not shared`, seen);
}

async function errors() {
  const classes = { 400: 'BadRequestError', 401: 'AuthenticationError',
    403: 'PermissionDeniedError', 404: 'NotFoundError',
    422: 'UnprocessableEntityError', 429: 'RateLimitError',
    500: 'InternalServerError', 503: 'InternalServerError' };
  for (const [status, type] of Object.entries(classes)) {
    for (const stream of [false, true]) {
      const c = client(url, { 'X-Mock': `status=${status}` }, fetch);
      await rejects(`${name}: ${status} is ${type}, stream ${stream}`,
        () => c.chat.completions.create({ model, stream,
          messages: user(`error ${status}`) }),
        (e) => e instanceof OpenAI[type] && e.status === Number(status)
          && e.message.length > 4 && e.error?.message);
    }
  }
  const inside = client(url, { 'X-Mock': 'error_at=2' }, fetch);
  await rejects(`${name}: an error inside a stream`, async () => collect(
    await inside.chat.completions.create({ model, stream: true,
      messages: user('error inside') })),
  (e) => e instanceof OpenAI.APIError);
  if (!direct) {
    await rejects(`${name}: our own 400`,
      () => client(url, {}, fetch).chat.completions.create({ model: 5,
        messages: user('no model') }),
      (e) => e instanceof OpenAI.BadRequestError
        && e.type === 'invalid_request_error' && e.param === 'model');
  }
}

// The upstream streams on beyond what the budget pays for.
async function cut() {
  if (direct) {
    return;
  }
  const open = (team) => client(`${url}/cut`, { 'X-Mock': 'endless,gap=1',
    'X-Team': `${name} ${team}` }, fetch);
  const chat = await collect(await open('chat').chat.completions.create({
    model: 'cut', stream: true, messages: user('go on') }));
  same(chat.map((c) => c.choices[0]?.finish_reason).filter(Boolean),
    ['length'], `${name}: a chat that is cut`);
  const whole = plain(await chatHelper(open('helper'))
    .stream({ model: 'cut', messages: user('go on') })
    .finalChatCompletion().catch((e) => String(e)));
  ok(whole.choices?.[0].finish_reason === 'length'
    || /LengthFinishReason|length limit/.test(whole),
  `${name}: a chat that is cut, by the helper`, whole);
  const events = await collect(await open('responses').responses.create({
    model: 'cut', stream: true, input: 'go on' }));
  const end = events.at(-1);
  same([end.type, end.response.status, end.response.incomplete_details],
    ['response.incomplete', 'incomplete', { reason: 'max_output_tokens' }],
    `${name}: a response that is cut`);
  ok(end.response.usage.output_tokens > 20, `${name}: its usage`, end);
  // The mock upstream says the same piece again, by the same number.
  const numbers = events.slice(-5).map((e) => e.sequence_number);
  ok(numbers.every((number, i) => number === numbers[0] + i),
    `${name}: its events are numbered on`, numbers);
  const said = events.filter((e) => e.type === 'response.output_text.delta')
    .map((e) => e.delta).join('');
  const [message] = end.response.output;
  same([message.status, message.content[0].text], ['incomplete', said],
    `${name}: what there was of it is in its item`);
  const response = plain(await open('responses helper').responses.stream(
    { model: 'cut', input: 'go on' }).finalResponse());
  // The helper of version 4 takes its last state from response.completed
  // alone; its text has all pieces all the same.
  const status = name === 'openai-4' ? 'in_progress' : 'incomplete';
  same([response.status, response.output.length], [status, 1],
    `${name}: a response that is cut, by the helper`);
  ok(response.output[0].content[0].text.length > 80, `${name}: its text`,
    response);
}

async function retries() {
  for (const status of [429, 500, 503]) {
    for (const stream of [false, true]) {
      const { fetch, seen } = recorder();
      const c = client(url, { 'X-Mock': failsOnce(status) }, fetch,
        { maxRetries: 2 });
      const r = await c.chat.completions.create({ model, stream,
        messages: user(`retry ${status} ${stream} ${process.pid}`) });
      if (stream) {
        await collect(r);
      }
      same(seen.map((s) => s.status), [status, 200],
        `${name}: a ${status} is tried again, stream ${stream}`);
    }
  }
}

await run({ chat, runner, others, responses, stored, errors, cut,
  retries });
