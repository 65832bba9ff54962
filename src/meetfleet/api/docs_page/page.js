// Draws the API from its OpenAPI document and lets the reader try it. No framework, nothing from elsewhere.
"use strict";

const { document: DOCUMENT, check: CHECK } = document.documentElement.dataset;
const STORED_KEY = "meetfleet-docs-key " + DOCUMENT;

/** Makes an element: make("p", {class: "x"}, "text", child). */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function follow(spec, schema) {
  while (schema && schema.$ref) {
    schema = schema.$ref.replace("#/", "").split("/").reduce((at, step) => at[step], spec);
  }
  return schema || {};
}

/** A short word for a schema: `string`, `integer, 1..250`, `one of a, b`. */
function typeOf(spec, schema) {
  const at = follow(spec, schema);
  if (at.anyOf) return [...new Set(at.anyOf.map((one) => typeOf(spec, one)))].join(" or ");
  if (at.enum) return "one of " + at.enum.join(", ");
  if (at.type === "array") return "list of " + typeOf(spec, at.items);
  const from = at.minimum ?? at.minLength, to = at.maximum ?? at.maxLength;
  const bounds = from === undefined && to === undefined ? "" : `, ${from ?? ""}..${to ?? ""}`;
  return (at.format || at.type || "any") + bounds;
}

/** A body to begin with: the required fields only. */
function sampleOf(spec, schema) {
  const at = follow(spec, schema);
  if (at.anyOf) return sampleOf(spec, at.anyOf[0]);
  if (at.default !== undefined) return at.default;
  if (at.enum) return at.enum[0];
  if (at.type === "array") return [sampleOf(spec, at.items)];
  if (at.type === "object") {
    return Object.fromEntries((at.required || []).map((name) => [name, sampleOf(spec, at.properties[name])]));
  }
  if (at.format === "uri") return "https://meet.google.com/abc-defg-hij";
  return { string: "Notes", integer: 1, number: 1, boolean: true }[at.type] ?? null;
}

function fieldsTable(spec, schema) {
  const at = follow(spec, schema);
  const table = make("table", {}, make("tr", {}, make("th", {}, "Field"), make("th", {}, "Type"), make("th", {}, "")));
  for (const [name, field] of Object.entries(at.properties || {})) {
    const needed = (at.required || []).includes(name) ? "required. " : "";
    const text = needed + (field.description || follow(spec, field).description || "");
    table.append(make("tr", {}, make("td", {}, make("code", {}, name)), make("td", {}, typeOf(spec, field)), make("td", {}, text)));
  }
  return table;
}

function parameterInputs(spec, parameters) {
  const table = make("table");
  const inputs = parameters.map((parameter) => {
    const input = make("input", { "aria-label": parameter.name, placeholder: typeOf(spec, parameter.schema) });
    const text = parameter.description || parameter.schema.description || "";
    table.append(make("tr", {}, make("td", {}, make("code", {}, parameter.name)), make("td", {}, input), make("td", {}, text)));
    return { parameter, input };
  });
  return { table, inputs };
}

function addressOf(path, inputs) {
  const query = new URLSearchParams();
  let address = path;
  for (const { parameter, input } of inputs) {
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(parameter.name, input.value);
  }
  return query.size ? `${address}?${query}` : address;
}

async function send(method, address, body, header, key, output) {
  output.textContent = "...";
  const headers = { [header]: key };
  if (body !== null) headers["content-type"] = "application/json";
  const began = performance.now();
  try {
    const answer = await fetch(address, { method, headers, body: body === null ? undefined : body });
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
    const took = Math.round(performance.now() - began);
    const status = make("strong", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText}`);
    output.replaceChildren(status, ` in ${took} ms\n${shown}`);
  } catch (error) {
    output.replaceChildren(make("strong", { class: "bad" }, String(error)));
  }
}

function drawOperation(spec, header, method, path, operation) {
  const { table, inputs } = parameterInputs(spec, operation.parameters || []);
  const content = operation.requestBody && operation.requestBody.content["application/json"].schema;
  const inside = make("div", { class: "inside" }, make("p", {}, operation.description || ""));
  if (inputs.length) inside.append(make("h4", {}, "Parameters"), table);
  let editor = null;
  if (content) {
    const shape = follow(spec, content);
    editor = make("textarea", { "aria-label": "Request body", spellcheck: "false" });
    editor.value = JSON.stringify(sampleOf(spec, content), null, 2);
    inside.append(make("h4", {}, "Body"), editor);
    const fields = make("details", {}, make("summary", {}, "All fields"));
    fields.append(fieldsTable(spec, shape.type === "array" ? shape.items : shape.anyOf ? shape.anyOf[0] : shape));
    inside.append(fields);
  }
  const answers = Object.entries(operation.responses).map(([status, one]) => `${status} ${one.description}`).join(" · ");
  const output = make("pre", { "aria-live": "polite" }, answers);
  const button = make("button", { type: "button" }, "Send");
  button.addEventListener("click", () => {
    const key = document.getElementById("key").value;
    send(method.toUpperCase(), addressOf(path, inputs), editor ? editor.value : null, header, key, output);
  });
  inside.append(button, output);
  const line = make("summary", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", { class: "path" }, path), make("span", {}, operation.summary || ""));
  return make("details", { id: operation.operationId }, line, inside);
}

/** Operations of one tag stand together under its name, in the order in which tags first appear. */
function sectionOf(main, tag) {
  const name = tag || "Other";
  const known = [...main.children].find((section) => section.dataset.tag === name);
  if (known) return known;
  const section = make("section", { "data-tag": name, "aria-label": name }, make("h2", {}, name));
  main.append(section);
  return section;
}

function remember(form, header) {
  const input = document.getElementById("key"), state = document.getElementById("auth-state");
  input.value = sessionStorage.getItem(STORED_KEY) || "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED_KEY, input.value);
    const answer = await fetch(CHECK, { headers: { [header]: input.value } });
    const words = { 200: "This key works.", 401: "This key is not known.", 403: "This key may only create bots." };
    state.textContent = words[answer.status] || `The server answered ${answer.status}.`;
    state.className = answer.status === 401 ? "bad" : "good";
  });
}

async function start() {
  const main = document.getElementById("operations");
  const answer = await fetch(DOCUMENT);
  if (!answer.ok) throw new Error(`The description could not be loaded (${answer.status}).`);
  const spec = await answer.json();
  const header = Object.values(spec.components.securitySchemes)[0].name || "x-meeting-baas-api-key";
  document.getElementById("title").textContent = `${spec.info.title} ${spec.info.version}`;
  document.getElementById("about").textContent = spec.info.description || "";
  remember(document.getElementById("auth"), header);
  main.replaceChildren();
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      sectionOf(main, (operation.tags || [])[0]).append(drawOperation(spec, header, method, path, operation));
    }
  }
  const wanted = document.getElementById(location.hash.slice(1));
  if (wanted) { wanted.open = true; wanted.scrollIntoView(); }
}

start().catch((error) => document.getElementById("operations").replaceChildren(make("p", { class: "bad" }, String(error))));
