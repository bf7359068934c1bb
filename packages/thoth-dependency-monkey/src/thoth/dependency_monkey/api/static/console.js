"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolved(definition, schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split("/").reduce((part, key) => part[key], definition);
}

function typeOf(definition, schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.type === "array") return `array of ${typeOf(definition, schema.items)}`;
  const type = [].concat(schema.type || "any").join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  return schema.format ? `${type} (${schema.format})` : type;
}

function example(definition, schema) {
  const members = Object.entries(resolved(definition, schema).properties || {});
  return Object.fromEntries(
    members.filter(([, s]) => s.example !== undefined).map(([name, s]) => [name, s.example]));
}

function field(parameter, definition) {
  const schema = parameter.schema || {};
  const id = `field-${Math.random().toString(36).slice(2)}`;
  const note = `${parameter.in}, ${typeOf(definition, schema)}${parameter.required ? ", required" : ""}`;
  const input = element("input", {
    id, autocomplete: "off", spellcheck: false,
    placeholder: schema.default === undefined ? "" : String(schema.default),
    value: schema.example === undefined ? "" : String(schema.example),
    required: Boolean(parameter.required),
  });
  const label = element("label", { htmlFor: id }, `${parameter.name} `, element("small", { textContent: note }));
  const hint = element("p", { className: "hint", textContent: parameter.description || "" });
  return { parameter, input, node: element("div", { className: "field" }, label, input, hint) };
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function asCurl(method, url, headers, body) {
  const parts = [`curl -X ${method.toUpperCase()}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`--header ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(body)}`);
  parts.push(quoted(new URL(url, location.origin).href));
  return parts.join(" \\\n     ");
}

function request(path, method, fields, editor) {
  const query = new URLSearchParams();
  const headers = {};
  let url = path;
  for (const { parameter, input } of fields) {
    if (parameter.in === "path") url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (parameter.in === "query") query.set(parameter.name, input.value);
    else headers[parameter.name] = input.value;
  }
  if (editor) headers["Content-Type"] = "application/json";
  const text = query.toString();
  return { url: text ? `${url}?${text}` : url, method, headers, body: editor ? editor.value : undefined };
}

async function send(asked, output) {
  const started = performance.now();
  try {
    const { url, method, headers, body } = asked;
    const answer = await fetch(url, { method: method.toUpperCase(), headers, body });
    let text = await answer.text();
    const took = Math.round(performance.now() - started);
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* shown as it came */ }
    const shown = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
    output.status.textContent = `${answer.status} ${answer.statusText}`;
    output.status.className = `pill ${answer.ok ? "good" : "bad"}`;
    output.took.textContent = `${took} ms`;
    output.headers.textContent = shown;
    output.body.textContent = text || "(no body)";
  } catch (error) {
    output.status.textContent = "no answer";
    output.status.className = "pill bad";
    output.headers.textContent = "";
    output.body.textContent = error.message;
  }
  output.curl.textContent = asCurl(asked.method, asked.url, asked.headers, asked.body);
  output.node.hidden = false;
}

function outputArea() {
  const output = {
    status: element("span", { className: "pill" }), took: element("span", { className: "what" }),
    headers: element("pre"), body: element("pre"), curl: element("pre"),
  };
  output.node = element("div", { hidden: true },
    element("h3", { textContent: "Answer" }),
    element("div", { className: "row" }, output.status, output.took),
    element("div", { className: "field" }, output.body),
    element("h3", { textContent: "Headers" }), output.headers,
    element("h3", { textContent: "The same from a shell" }), output.curl);
  return output;
}

function answers(definition, operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const [content] = Object.values(response.content || {});
    const type = content ? typeOf(definition, content.schema) : "no body";
    return element("tr", {},
      element("td", {}, element("code", { textContent: status })),
      element("td", { textContent: `${response.description} ` }),
      element("td", { className: "what", textContent: type }));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function operationNode(definition, path, method, operation) {
  const fields = (operation.parameters || []).map((parameter) => field(parameter, definition));
  const output = outputArea();
  let editor = null;
  let body = null;
  if (operation.requestBody) {
    const [content] = Object.values(operation.requestBody.content);
    const id = `body-${operation.operationId}`;
    editor = element("textarea", { id, spellcheck: false });
    editor.value = JSON.stringify(example(definition, content.schema), null, 2);
    const label = element("label", { htmlFor: id }, "Body ",
      element("small", { textContent: `JSON, ${typeOf(definition, content.schema)}` }));
    body = element("div", { className: "field" }, label, editor);
  }
  const button = element("button", { type: "submit", textContent: "Send" });
  const form = element("form", {}, ...fields.map((one) => one.node), body,
    element("div", { className: "row" }, button));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    await send(request(path, method, fields, editor), output);
    button.disabled = false;
  });
  const inside = element("div", { className: "inside" },
    operation.description ? element("p", { textContent: operation.description }) : null,
    form, output.node, element("h3", { textContent: "What it may answer" }), answers(definition, operation));
  return element("details", { className: "operation card", id: operation.operationId },
    element("summary", {},
      element("span", { className: `method ${method}`, textContent: method.toUpperCase() }),
      element("span", { className: "path", textContent: path }),
      element("span", { className: "what", textContent: operation.summary || "" })),
    inside);
}

function schemaNode(definition, name, schema) {
  const rows = Object.entries(schema.properties || {}).map(([member, own]) => element("tr", {},
    element("td", {}, element("code", { textContent: member })),
    element("td", { className: "what", textContent: typeOf(definition, own) }),
    element("td", { textContent: own.description || "" })));
  return element("details", { className: "operation card" },
    element("summary", {}, element("span", { className: "path", textContent: name })),
    element("div", { className: "inside" }, element("table", {}, element("tbody", {}, ...rows))));
}

function render(definition) {
  const main = document.getElementById("operations");
  main.replaceChildren();
  for (const tag of definition.tags) {
    main.append(element("h2", { textContent: tag.description }));
    for (const [path, item] of Object.entries(definition.paths)) {
      for (const method of METHODS) {
        const operation = item[method];
        if (operation && operation.tags.includes(tag.name)) {
          main.append(operationNode(definition, path, method, operation));
        }
      }
    }
  }
  main.append(element("h2", { textContent: "What goes in and out" }));
  for (const [name, schema] of Object.entries(definition.components.schemas)) {
    main.append(schemaNode(definition, name, schema));
  }
  document.getElementById("summary").textContent = definition.info.summary;
  document.getElementById("about").textContent = `${definition.info.title} ${definition.info.version}`;
  const opened = document.getElementById(location.hash.slice(1)) || document.getElementById("create_validation");
  if (opened) opened.open = true;
}

fetch("/openapi.json").then((answer) => answer.json()).then(render);
