// Every client over a ladder: whatever becomes of the first model, it sees
// one clean answer of the next one, or one clean error, of one request.
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';

import { ok, recorder, rejects, run, url } from './lib.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

let number = 0;
const prompt = () => `rung ${process.pid} ${++number}`;
const user = () => [{ role: 'user', content: prompt() }];

const openai = (base, fetch) => new OpenAI({ apiKey: 'sk-test',
  baseURL: `${base}/v1`, fetch, maxRetries: 0 });
const anthropic = (base, fetch) => new Anthropic({ apiKey: 'sk-test',
  baseURL: base, fetch, maxRetries: 0 });

async function streamed(model) {
  let failed;
  const result = streamText({ model, prompt: prompt(), maxRetries: 0,
    onError: ({ error }) => { failed = error; } });
  await result.consumeStream();
  if (failed) {
    throw failed;
  }
  return { text: await result.text, model: (await result.response).modelId };
}

async function whole(model) {
  const { text, response } = await generateText({ model, prompt: prompt(),
    maxRetries: 0 });
  return { text, model: response.modelId };
}

const aiOpenai = (base, fetch, model) => createOpenAI({ apiKey: 'sk-test',
  baseURL: `${base}/v1`, fetch }).chat(model);
const aiAnthropic = (base, fetch, model) => createAnthropic({
  apiKey: 'sk-test', baseURL: `${base}/v1`, fetch })(model);

// (base, fetch, model) => { text, model }
const clients = {
  'openai, JSON': async (base, fetch, model) => {
    const answer = await openai(base, fetch).chat.completions.create({
      model, messages: user() });
    return { text: answer.choices[0].message.content, model: answer.model };
  },
  'openai, stream': async (base, fetch, model) => {
    const answer = await openai(base, fetch).chat.completions.stream({
      model, messages: user() }).finalChatCompletion();
    return { text: answer.choices[0].message.content, model: answer.model };
  },
  'openai, responses, stream': async (base, fetch, model) => {
    const answer = await openai(base, fetch).responses.stream({
      model, input: prompt(), store: false }).finalResponse();
    return { text: answer.output_text, model: answer.model };
  },
  'anthropic, JSON': async (base, fetch, model) => {
    const answer = await anthropic(base, fetch).messages.create({
      model, max_tokens: 1000, messages: user() });
    return { text: answer.content[0].text, model: answer.model };
  },
  'anthropic, stream': async (base, fetch, model) => {
    const answer = await anthropic(base, fetch).messages.stream({
      model, max_tokens: 1000, messages: user() }).finalMessage();
    return { text: answer.content[0].text, model: answer.model };
  },
  'ai openai, JSON': (base, fetch, model) => whole(
    aiOpenai(base, fetch, model)),
  'ai openai, stream': (base, fetch, model) => streamed(
    aiOpenai(base, fetch, model)),
  'ai anthropic, JSON': (base, fetch, model) => whole(
    aiAnthropic(base, fetch, model)),
  'ai anthropic, stream': (base, fetch, model) => streamed(
    aiAnthropic(base, fetch, model)),
};

async function answers() {
  for (const [name, ask] of Object.entries(clients)) {
    for (const knobs of ['status=429,retry_after=30', 'status=500',
      'status=529', 'error200', 'reset=0']) {
      const { seen, fetch: recorded } = recorder();
      const answer = await ask(`${url}/ladder`, recorded, `one!${knobs}`);
      ok(answer.model === 'two' && answer.text.startsWith('You said: rung')
        && seen.length === 1 && seen[0].status === 200,
      `${name}, ${knobs}: one clean answer`, { answer, seen });
    }
    const { seen, fetch: recorded } = recorder();
    const answer = await ask(`${url}/pair`, recorded, 'pair');
    ok(answer.text.startsWith('You said: rung') && seen.length === 1,
      `${name}, 401 of one of two: one clean answer`, { answer, seen });
  }
}

async function errors() {
  for (const [name, ask] of Object.entries(clients)) {
    for (const status of [429, 503]) {
      const { seen, fetch: recorded } = recorder();
      await rejects(`${name}, all are down: one clean error of ${status}`,
        () => ask(`${url}/down${status}`, recorded, 'one!status=500'),
        (e) => (e.status ?? e.statusCode) === status && e.message.length > 4
          && seen.length === 1);
    }
    if (!name.endsWith('stream')) {
      continue;
    }
    const { seen, fetch: recorded } = recorder();
    await rejects(`${name}, cut after the first content: one clean error`,
      () => ask(`${url}/ladder`, recorded,
        'one!cut=4,events=20,size=400'),
      (e) => e.message.length > 4 && seen.length === 1);
  }
}

await run({ answers, errors });
