// Drives the official client for the tests: one JSON request a line in, one JSON answer a line out.
//
// In:  {"id", "base_url", "api_key", "method", "params"}
// Out: {"id", "result", "objection"}; `objection` says what the client's own schema finds wrong with a success.
import { createInterface } from "node:readline";
import { createBaasClient, V2Zod } from "@meeting-baas/sdk";

const SCHEMA_NAMES = { getScheduledBot: "getScheduledBotDetails" };
const clients = new Map();

function clientOf({ base_url, api_key }) {
  const name = `${base_url} ${api_key}`;
  if (!clients.has(name)) {
    clients.set(name, createBaasClient({ api_key, base_url, api_version: "v2", timeout: 20000 }));
  }
  return clients.get(name);
}

function objectionTo(method, result) {
  const schema = V2Zod[`${SCHEMA_NAMES[method] ?? method}Response`];
  if (!result.success || !schema) return null;
  const judged = schema.safeParse(result);
  return judged.success ? null : judged.error.message;
}

async function answer(request) {
  const { id, method, params } = request;
  const client = clientOf(request);
  const result = params === null ? await client[method]() : await client[method](params);
  return { id, result, objection: objectionTo(method, result) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  let said;
  try {
    said = await answer(request);
  } catch (error) {
    said = { id: request.id, broken: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
