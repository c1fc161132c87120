// Shows /openapi.json: operations by theme, with what they take and give.
"use strict";

const METHODS = ["get", "post", "patch", "delete"];

/** An element with its children; texts are texts, never markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A text whose parts between backticks are code. */
function prose(text) {
  return text.split("`").map((part, index) => (index % 2 === 1 ? make("code", {}, part) : part));
}

/** What a `$ref` stands for. */
function resolved(api, node) {
  if (!node || !node.$ref) return node;
  return node.$ref.replace("#/", "").split("/").reduce((at, key) => at && at[key], api);
}

/** A type in a few words. */
function typeOf(api, schema) {
  if (schema === true || schema === undefined) return "any";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return several.map((it) => typeOf(api, it)).join(" | ");
  const names = [schema.type ?? "any"].flat();
  return names.map((name) => (name === "array" ? `${typeOf(api, schema.items)}[]` : name)).join(" | ") + (schema.format ? ` (${schema.format})` : "");
}

/** Properties, those of flattened parts included. */
function fields(api, schema) {
  const whole = resolved(api, schema) ?? {};
  const own = Object.entries(whole.properties ?? {}).map(([name, it]) => ({ name, schema: it, required: (whole.required ?? []).includes(name) }));
  return own.concat((whole.allOf ?? []).flatMap((part) => fields(api, part)));
}

function about(api, schema) {
  const whole = resolved(api, schema) ?? {};
  return schema.description ?? whole.description ?? "";
}

/** A type in a few words, of which each shape leads to its description. */
function typed(api, schema) {
  const parts = typeOf(api, schema).split(/\b/);
  const linked = parts.map((part) => (Object.hasOwn(api.components.schemas, part) ? make("a", { href: `#shape-${part}` }, part) : part));
  return make("code", {}, ...linked);
}

/** A shape on its own: its fields, or the texts that it may be. */
function shapeShown(api, name, schema) {
  const details = make("details", { id: `shape-${name}` }, make("summary", {}, make("code", { class: "path" }, name), make("span", { class: "quiet" }, ...prose(schema.description ?? ""))));
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector(".inside")) details.append(make("div", { class: "inside" }, fieldTable(api, schema)));
  });
  return details;
}

function fieldTable(api, schema) {
  const rows = fields(api, schema);
  if (rows.length === 0) return make("p", {}, typed(api, schema));
  const body = rows.map((field) => make("tr", {},
    make("th", { scope: "row" }, make("code", {}, field.name), field.required ? "" : " ?"),
    make("td", {}, typed(api, field.schema)),
    make("td", { class: "quiet" }, ...prose(about(api, field.schema)))));
  return make("table", {}, head("Field", "Type", "Meaning"), make("tbody", {}, ...body));
}

function head(...names) {
  return make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
}

function parameterTable(api, parameters) {
  const body = parameters.map((it) => make("tr", {},
    make("th", { scope: "row" }, make("code", {}, it.name), it.required ? "" : " ?"),
    make("td", {}, it.in),
    make("td", {}, typed(api, it.schema)),
    make("td", { class: "quiet" }, ...prose(it.description ?? about(api, it.schema)))));
  return make("table", {}, head("Parameter", "In", "Type", "Meaning"), make("tbody", {}, ...body));
}

function contents(api, content) {
  return Object.entries(content ?? {}).flatMap(([mediaType, { schema }]) => {
    const items = fields(api, schema).find((field) => field.name === "items");
    const row = items && items.schema.items;
    return [
      make("p", { class: "quiet" }, mediaType, ": ", typed(api, schema)),
      fieldTable(api, schema),
      ...(row ? [make("p", { class: "quiet" }, "Each of the items:"), fieldTable(api, row)] : []),
    ];
  });
}

function inside(api, parameters, operation) {
  const parts = [make("p", {}, ...prose(operation.description))];
  if (parameters.length > 0) parts.push(make("h3", {}, "Parameters"), parameterTable(api, parameters));
  if (operation.requestBody) {
    const optional = operation.requestBody.required ? "" : ", which may be left out";
    parts.push(make("h3", {}, `Body${optional}`), ...contents(api, operation.requestBody.content));
  }
  const good = Object.entries(operation.responses).filter(([status]) => status < "400");
  for (const [status, answer] of good) {
    parts.push(make("h3", {}, `${status}: ${answer.description}`), ...contents(api, answer.content));
  }
  const problems = Object.keys(operation.responses).filter((status) => status >= "400");
  if (problems.length > 0) parts.push(make("p", { class: "quiet" }, `Problems: ${problems.join(", ")}`));
  return make("div", { class: "inside" }, ...parts);
}

function shown(api, path, method, item) {
  const operation = item[method];
  const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
  const line = make("summary", {},
    make("span", { class: `method ${method}` }, method),
    make("code", { class: "path" }, path),
    make("span", { class: "quiet" }, operation.summary));
  const details = make("details", { id: operation.operationId }, line);
  // Most are never opened.
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector(".inside")) details.append(inside(api, parameters, operation));
  });
  return details;
}

function show(api) {
  document.getElementById("version").textContent = api.info.version;
  document.getElementById("about").replaceChildren(...prose(api.info.description));
  const themes = new Map();
  for (const [path, item] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((it) => item[it])) {
      const theme = item[method].tags[0];
      if (!themes.has(theme)) themes.set(theme, []);
      themes.get(theme).push(shown(api, path, method, item));
    }
  }
  const links = [];
  for (const [theme, operations] of themes) {
    const id = theme.toLowerCase().replaceAll(/\W+/g, "-");
    links.push(make("li", {}, make("a", { href: `#${id}` }, theme)));
    document.getElementById("operations").append(make("h2", { id }, theme), ...operations);
  }
  links.push(make("li", {}, make("a", { href: "#shapes" }, "Shapes")));
  const shapes = Object.entries(api.components.schemas).sort(([one], [other]) => one.localeCompare(other));
  document.getElementById("operations").append(make("h2", { id: "shapes" }, "Shapes"), ...shapes.map(([name, schema]) => shapeShown(api, name, schema)));
  document.getElementById("themes").append(make("ul", {}, ...links));
  openNamed();
}

/** What the address names is opened. */
function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!named) return;
  if (named instanceof HTMLDetailsElement) named.open = true;
  named.scrollIntoView();
}
addEventListener("hashchange", openNamed);

fetch("/openapi.json")
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(`the node answered ${answer.status}`))))
  .then(show)
  .catch((fault) => {
    document.getElementById("about").textContent = `The document could not be read: ${fault.message}. Load the page again.`;
  });
