// Follows /api/v1/summary. What is unknown is shown as –, never as 0; what is old is marked.
"use strict";

const PERIOD_MS = 2000;
const STALE_AFTER_MS = 3 * PERIOD_MS;
const UNKNOWN = "–";

const freshness = document.getElementById("freshness");
const figures = [...document.querySelectorAll("[data-field]")];
const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

let answeredAt = null;
let fault = null;

function valueAt(summary, field) {
  return field.split(".").reduce((value, name) => value?.[name], summary);
}

function show(summary) {
  for (const figure of figures) {
    const value = valueAt(summary, figure.dataset.field);
    figure.textContent = typeof value === "number" ? number.format(value) : UNKNOWN;
  }
}

function showFreshness() {
  const age = answeredAt === null ? Infinity : Date.now() - answeredAt;
  const stale = fault !== null || age > STALE_AFTER_MS;
  document.body.classList.toggle("stale", stale && (answeredAt !== null || fault !== null));
  if (!stale) {
    freshness.textContent = "Live";
  } else if (answeredAt !== null) {
    const at = new Date(answeredAt).toLocaleTimeString();
    freshness.textContent = `Stale since ${at}: ${fault ?? "no answer"}`;
  } else if (fault !== null) {
    freshness.textContent = `No figures yet: ${fault}`;
  }
}

async function ask() {
  const answer = await fetch("/api/v1/summary", { signal: AbortSignal.timeout(STALE_AFTER_MS) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

async function follow() {
  try {
    show(await ask());
    answeredAt = Date.now();
    fault = null;
  } catch (error) {
    fault = error instanceof TypeError ? "the node does not answer" : error.message;
  }
  showFreshness();
  setTimeout(follow, PERIOD_MS);
}

setInterval(showFreshness, PERIOD_MS / 2);
follow();
