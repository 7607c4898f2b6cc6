// Vercel's AI SDK over its OpenAI (chat, responses) and Anthropic providers.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embedMany, generateText, jsonSchema, Output,
  stepCountIs, streamText, tool } from 'ai';

import { bare, collect, direct, failsOnce, matrix, ok, plain, recorder,
  rejects, run, same, schema, url } from './lib.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const models = {
  'openai chat': (base, headers, fetch, model = 'gpt-4o-mini') =>
    createOpenAI({ apiKey: 'sk-test', baseURL: `${base}/v1`, headers, fetch })
      .chat(model),
  'openai responses': (base, headers, fetch, model = 'gpt-4o-mini') =>
    createOpenAI({ apiKey: 'sk-test', baseURL: `${base}/v1`, headers, fetch })
      .responses(model),
  anthropic: (base, headers, fetch, model = 'claude-test') =>
    createAnthropic({ apiKey: 'sk-test', baseURL: `${base}/v1`, headers,
      fetch })(model),
};

const tools = Object.fromEntries(['weather', 'time'].map((name) => [name,
  tool({ description: name, inputSchema: jsonSchema(schema) })]));

// What both results have in common; the pieces of a stream do not count.
async function summary(result) {
  const [text, reasoningText, toolCalls, finishReason, usage, response]
    = await Promise.all([result.text, result.reasoningText, result.toolCalls,
      result.finishReason, result.usage, result.response]);
  return bare(plain({
    text, reasoningText, finishReason,
    usage: { input: usage.inputTokens, output: usage.outputTokens },
    toolCalls: toolCalls.map(({ toolCallId, toolName, input }) => ({
      toolCallId, toolName, input })),
    id: response.id, model: response.modelId,
  }));
}

// An answer that the provider stores is nobody else's.
const providerOptions = { openai: { store: false } };

function forms(make, options) {
  const quiet = { maxRetries: 0, stopWhen: stepCountIs(1), providerOptions };
  return {
    json: async (...where) => summary(await generateText({
      model: make(...where), ...quiet, ...options })),
    stream: async (...where) => {
      let failed;
      const result = streamText({ model: make(...where), ...quiet, ...options,
        onError: ({ error }) => { failed = error; } });
      await result.consumeStream();
      if (failed) {
        throw failed;
      }
      return summary(result);
    },
  };
}

async function texts() {
  for (const [name, make] of Object.entries(models)) {
    await matrix(`ai ${name}, plain`, forms(make, {
      prompt: 'Say hello: é 你好 🙂' }));
    const calls = forms(make, {
      prompt: 'Call it twice', tools, toolChoice: 'required' });
    if (name === 'anthropic') {
      // It asks for streamed tool input when it streams: another request.
      await matrix(`ai ${name}, parallel tools`, { json: calls.json });
      await matrix(`ai ${name}, parallel tools`, { stream: calls.stream });
    } else {
      await matrix(`ai ${name}, parallel tools`, calls);
    }
  }
}

async function objects() {
  for (const name of ['openai chat', 'openai responses']) {
    await matrix(`ai ${name}, structured output`, {
      json: async (...where) => plain((await generateText({
        model: models[name](...where), maxRetries: 0,
        prompt: 'Where is it warm?', providerOptions,
        output: Output.object({ schema: jsonSchema(schema) }) })).output),
      stream: async (...where) => plain(await streamText({
        model: models[name](...where), maxRetries: 0,
        prompt: 'Where is it warm?', providerOptions,
        output: Output.object({ schema: jsonSchema(schema) }) }).output),
    });
  }
}

async function embeddings() {
  await matrix('ai openai, embeddings', {
    json: async (base, headers, fetch) => {
      const { embeddings: all, usage } = await embedMany({ maxRetries: 0,
        model: createOpenAI({ apiKey: 'sk-test', baseURL: `${base}/v1`,
          headers, fetch }).embedding('text-embedding-3-small'),
        values: ['one', 'two'] });
      return plain({ all, usage });
    },
  });
}

async function errors() {
  for (const [name, make] of Object.entries(models)) {
    for (const status of [400, 401, 404, 429, 500]) {
      await rejects(`ai ${name}: ${status}`,
        () => generateText({ maxRetries: 0, prompt: `error ${status}`,
          model: make(url, { 'X-Mock': `status=${status}` }, fetch) }),
        (e) => APICallError.isInstance(e) && e.statusCode === status
          && e.isRetryable === (status === 429 || status >= 500)
          && e.message.length > 4);
    }
    const { fetch: recorded, seen } = recorder();
    await generateText({ maxRetries: 1, prompt: `retry ${process.pid}`,
      model: make(url, { 'X-Mock': failsOnce(429) }, recorded) });
    same(seen.map((s) => s.status), [429, 200],
      `ai ${name}: a 429 is tried again`);
  }
}

// The upstream streams on beyond what the budget pays for.
async function cut() {
  if (direct) {
    return;
  }
  for (const [name, make] of Object.entries(models)) {
    const headers = { 'X-Mock': 'endless,gap=1', 'X-Team': `ai ${name}` };
    let failed;
    const result = streamText({
      model: make(`${url}/cut`, headers, fetch, 'cut'),
      maxRetries: 0, prompt: 'go on', maxOutputTokens: 50, providerOptions,
      onError: ({ error }) => { failed = error; } });
    const parts = await collect(result.fullStream);
    ok(!failed, `ai ${name}: a stream that is cut`, failed);
    same(await result.finishReason, 'length', `ai ${name}: why it ended`);
    const text = await result.text;
    ok(text.length > 80, `ai ${name}: what there was of it`, text);
    ok((await result.usage).outputTokens > 20, `ai ${name}: its usage`,
      await result.usage);
    const count = (type) => parts.filter((p) => p.type === type).length;
    same(count('text-end'), count('text-start'), `ai ${name}: no open text`);
  }
}

await run({ texts, objects, embeddings, errors, cut });
