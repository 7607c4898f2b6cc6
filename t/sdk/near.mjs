// Near matches as the clients see them: the second wording's result is the
// object that the first one's was, whichever forms the two are asked in.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';

import { bare, ok, plain, recorder, run, same, url } from './lib.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const base = `${url}/near`;
const texts = ['How do I reset my password?', 'How can I reset my password?'];
const user = (content) => [{ role: 'user', content }];

const openai = (headers, fetch) => new OpenAI({ apiKey: 'sk-test',
  baseURL: `${base}/v1`, defaultHeaders: headers, fetch, maxRetries: 0 });
const anthropic = (headers, fetch) => new Anthropic({ apiKey: 'sk-ant-test',
  baseURL: base, defaultHeaders: headers, fetch, maxRetries: 0 });

// Each form: (text, headers, fetch) to the client's own result.
function sdk(make) {
  const result = async (of) => {
    const [text, finishReason, usage, response] = await Promise.all([of.text,
      of.finishReason, of.usage, of.response]);
    return { text, finishReason, id: response.id, model: response.modelId,
      usage: { input: usage.inputTokens, output: usage.outputTokens } };
  };
  const options = { maxRetries: 0,
    providerOptions: { openai: { store: false } } };
  return {
    json: async (prompt, ...where) => result(await generateText({
      model: make(...where), prompt, ...options })),
    stream: async (prompt, ...where) => {
      const streamed = streamText({ model: make(...where), prompt,
        ...options });
      await streamed.consumeStream();
      return result(streamed);
    },
  };
}

const clients = {
  'openai chat': {
    json: (text, ...where) => openai(...where).chat.completions.create({
      model: 'gpt-4o-mini', messages: user(text) }),
    stream: (text, ...where) => openai(...where).chat.completions.stream({
      model: 'gpt-4o-mini', messages: user(text),
      stream_options: { include_usage: true } }).finalChatCompletion(),
  },
  'openai responses': {
    json: (text, ...where) => openai(...where).responses.create({
      model: 'gpt-4o-mini', input: text, store: false }),
    stream: (text, ...where) => openai(...where).responses.stream({
      model: 'gpt-4o-mini', input: text, store: false }).finalResponse(),
  },
  anthropic: {
    json: (text, ...where) => anthropic(...where).messages.create({
      model: 'claude-test', max_tokens: 99, messages: user(text) }),
    stream: (text, ...where) => anthropic(...where).messages.stream({
      model: 'claude-test', max_tokens: 99, messages: user(text),
    }).finalMessage(),
  },
  'ai, openai': sdk((headers, fetch) => createOpenAI({ apiKey: 'sk-test',
    baseURL: `${base}/v1`, headers, fetch }).chat('gpt-4o-mini')),
  'ai, anthropic': sdk((headers, fetch) => createAnthropic({
    apiKey: 'sk-test', baseURL: `${base}/v1`, headers, fetch })(
    'claude-test')),
};

let scope = 0;

async function pairs(name, forms) {
  for (const first of Object.keys(forms)) {
    for (const second of Object.keys(forms)) {
      const what = `${name}: ${first} -> ${second}`;
      const headers = { 'X-Scope': `near ${process.pid}-${++scope}` };
      const { seen, fetch } = recorder();
      const one = await forms[first](texts[0], headers, fetch);
      ok(!/; *hit/.test(seen.at(-1).cache), `${what}: stored`, seen);
      const two = await forms[second](texts[1], headers, fetch);
      ok(/; *hit.*detail=SEMANTIC/.test(seen.at(-1).cache),
        `${what}: a near hit`, seen);
      same(bare(plain(two)), bare(plain(one)),
        `${what}: the object that was stored`);
    }
  }
}

await run(Object.fromEntries(Object.entries(clients).map(
  ([name, forms]) => [name, () => pairs(name, forms)])));
