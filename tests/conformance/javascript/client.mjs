// The official JavaScript SDKs, driven line by line: a request as JSON on stdin, what the SDK made of the answer on
// stdout. The shapes are those of dialogue.py.
import { createInterface } from "node:readline";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const FINISHES = {
  stop: "stop", tool_calls: "tool_calls", length: "length",
  end_turn: "stop", tool_use: "tool_calls", max_tokens: "length",
};
const dataURL = (picture) => `data:image/png;base64,${picture}`;

const chat = {
  async ask(client, ask) {
    const messages = ask.system ? [{ role: "system", content: ask.system }] : [];
    for (const turn of ask.turns) messages.push(...this.messages(turn));
    const body = { model: ask.model, messages };
    if (ask.tools.length) {
      body.tools = ask.tools.map((tool) => ({ type: "function", function: { ...tool, strict: true } }));
    }
    if (ask.schema) {
      const json_schema = { name: "answer", schema: ask.schema, strict: true };
      body.response_format = { type: "json_schema", json_schema };
    }
    if (ask.thinks) body.reasoning_effort = "high";
    const completion = ask.stream ? await this.streamed(client, body) : await client.chat.completions.create(body);
    const { message, finish_reason } = completion.choices[0];
    const native = { ...message };
    delete native.parsed;
    if (native.tool_calls) native.tool_calls = native.tool_calls.map(ownCall);
    return {
      text: message.content ?? "",
      finish: FINISHES[finish_reason],
      calls: (message.tool_calls ?? []).map((call) => ({
        id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments),
      })),
      input_tokens: completion.usage.prompt_tokens,
      output_tokens: completion.usage.completion_tokens,
      thought: message.reasoning_content ?? "",
      native,
    };
  },
  // the helper adds up OpenAI's own fields; what other servers say of thinking is added up as their pages tell
  async streamed(client, body) {
    const stream = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } });
    let thought = "";
    const details = [];
    stream.on("chunk", ({ choices: [choice] }) => {
      thought += choice?.delta.reasoning_content ?? "";
      details.push(...(choice?.delta.reasoning_details ?? []));
    });
    const completion = await stream.finalChatCompletion();
    const message = completion.choices[0].message;
    if (thought) message.reasoning_content = thought;
    if (details.length) message.reasoning_details = details;
    return completion;
  },
  messages({ user, said, results }) {
    if (said) return [said];
    if (results) return results.map(({ call, text }) => ({ role: "tool", tool_call_id: call.id, content: text }));
    if (!user.picture) return [{ role: "user", content: user.text }];
    const image = { type: "image_url", image_url: { url: dataURL(user.picture) } };
    return [{ role: "user", content: [{ type: "text", text: user.text }, image] }];
  },
};

// what the helper adds to a call of its own stays with it
function ownCall({ index, function: { parsed_arguments, ...called }, ...call }) {
  return { ...call, function: called };
}

const responses = {
  async ask(client, ask) {
    const body = {
      model: ask.model,
      input: ask.turns.flatMap((turn) => this.items(turn)),
      store: false,
      include: ["reasoning.encrypted_content"],
    };
    if (ask.system) body.instructions = ask.system;
    if (ask.tools.length) body.tools = ask.tools.map((tool) => ({ type: "function", ...tool, strict: true }));
    if (ask.schema) {
      body.text = { format: { type: "json_schema", name: "answer", schema: ask.schema, strict: true } };
    }
    if (ask.thinks) body.reasoning = { effort: "high", summary: "auto" };
    const response = ask.stream ? await client.responses.stream(body).finalResponse() : await client.responses.create(body);
    if (response.status !== "completed") throw new OpenAI.APIError(undefined, response.error, "not completed");
    const made = response.output.filter((item) => item.type === "function_call");
    const thoughts = response.output.filter((item) => item.type === "reasoning").flatMap((item) => item.summary);
    const native = response.output.map(({ parsed_arguments, ...item }) => item);
    return {
      text: response.output_text,
      finish: made.length ? "tool_calls" : "stop",
      calls: made.map((item) => ({ id: item.call_id, name: item.name, arguments: JSON.parse(item.arguments) })),
      input_tokens: response.usage.input_tokens,
      output_tokens: response.usage.output_tokens,
      thought: thoughts.map((part) => part.text).join(""),
      native: native.map((item) => ({ ...item, content: item.content?.map(({ parsed, ...part }) => part) })),
    };
  },
  items({ user, said, results }) {
    if (said) return said;
    if (results) {
      return results.map(({ call, text }) => ({ type: "function_call_output", call_id: call.id, output: text }));
    }
    if (!user.picture) return [{ role: "user", content: user.text }];
    const image = { type: "input_image", image_url: dataURL(user.picture), detail: "auto" };
    return [{ role: "user", content: [{ type: "input_text", text: user.text }, image] }];
  },
};

const anthropic = {
  async ask(client, ask) {
    const messages = ask.turns.map((turn) => this.message(turn));
    const body = { model: ask.model, max_tokens: 8000, messages };
    if (ask.system) body.system = ask.system;
    if (ask.tools.length) {
      body.tools = ask.tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters }));
    }
    if (ask.schema) body.output_config = { format: { type: "json_schema", schema: ask.schema } };
    if (ask.thinks) Object.assign(body, { thinking: { type: "adaptive" }, output_config: { effort: "high" } });
    const message = ask.stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
    const of = (type) => message.content.filter((block) => block.type === type);
    return {
      text: of("text").map((block) => block.text).join(""),
      finish: FINISHES[message.stop_reason],
      calls: of("tool_use").map((block) => ({ id: block.id, name: block.name, arguments: block.input })),
      input_tokens: message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0),
      output_tokens: message.usage.output_tokens,
      thought: of("thinking").map((block) => block.thinking).join(""),
      native: message.content,
    };
  },
  message({ user, said, results }) {
    if (said) return { role: "assistant", content: said };
    if (results) {
      const block = ({ call, text }) => ({ type: "tool_result", tool_use_id: call.id, content: text });
      return { role: "user", content: results.map(block) };
    }
    if (!user.picture) return { role: "user", content: user.text };
    const image = { type: "image", source: { type: "base64", media_type: "image/png", data: user.picture } };
    return { role: "user", content: [{ type: "text", text: user.text }, image] };
  },
};

const FORMATS = {
  openai_chat: [chat, (url, apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })],
  openai_responses: [responses, (url, apiKey) => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })],
  anthropic: [anthropic, (url, apiKey) => new Anthropic({ baseURL: url, apiKey, maxRetries: 0 })],
};

// each SDK's own exceptions; anything else is a fault of this program, or of the SDK
function refusal(error) {
  const kinds = [
    ["authentication", "AuthenticationError"],
    ["invalid_request", "BadRequestError"],
    ["server", "APIError"],
    ["server", "AnthropicError"],
    ["server", "OpenAIError"],
  ];
  for (const [kind, name] of kinds) {
    for (const SDK of [OpenAI, Anthropic]) {
      if (SDK[name] && error instanceof SDK[name]) return { kind, message: error.message };
    }
  }
  return { kind: "unknown", message: String(error?.stack ?? error) };
}

const clients = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { format, url, key, ask } = JSON.parse(line);
  const [driver, connect] = FORMATS[format];
  const name = [format, url, key].join(" ");
  if (!clients.has(name)) clients.set(name, connect(url, key));
  let said;
  try {
    said = { answer: await driver.ask(clients.get(name), ask) };
  } catch (error) {
    said = { refused: refusal(error) };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
