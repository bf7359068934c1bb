"use strict";

const VALIDATIONS = "/api/v0alpha0/validations/";
const FINAL = ["succeeded", "failed"];
const at = (id) => document.getElementById(id);
let current = null;

function show(kind, verdict, told, log) {
  at("result").hidden = false;
  at("verdict").className = `pill ${kind}`;
  at("verdict").textContent = verdict;
  at("told").textContent = told;
  at("log").hidden = !log;
  at("log").textContent = log || "";
}

function showValidation(validation) {
  const id = `validation ${validation.id}`;
  at("remove").hidden = false;
  if (validation.phase === "succeeded") {
    const good = validation.valid;
    show(good ? "good" : "bad", good ? "resolves" : "does not resolve", id, validation.raw_log);
  } else if (validation.phase === "failed") {
    show("wait", "could not tell", id, validation.raw_log);
  } else {
    show("wait", validation.phase, id, null);
  }
}

async function said(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.message || `the service answered ${answer.status}`);
  return body;
}

async function follow(id) {
  let pause = 200;
  while (current === id) {
    const validation = await said(await fetch(VALIDATIONS + encodeURIComponent(id)));
    if (current !== id) return;
    showValidation(validation);
    if (FINAL.includes(validation.phase)) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.3, 2000);
  }
}

async function ask() {
  const button = at("ask").querySelector("button");
  button.disabled = true;
  current = null;
  at("remove").hidden = true;
  show("wait", "asking", "", null);
  try {
    const validation = await said(await fetch(VALIDATIONS, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ stack_specification: at("stack").value, ecosystem: "pypi" }),
    }));
    current = validation.id;
    history.replaceState(null, "", `#${validation.id}`);
    showValidation(validation);
    if (!FINAL.includes(validation.phase)) await follow(validation.id);
  } catch (error) {
    show("bad", "refused", "", error.message);
  } finally {
    button.disabled = false;
  }
}

async function remove() {
  const id = current;
  current = null;
  at("remove").hidden = true;
  history.replaceState(null, "", location.pathname);
  const answer = await fetch(VALIDATIONS + encodeURIComponent(id), { method: "DELETE" });
  show("wait", answer.ok ? "removed" : "not found", `validation ${id}`, null);
}

async function reopen(id) {
  current = id;
  try {
    const validation = await said(await fetch(VALIDATIONS + encodeURIComponent(id)));
    at("stack").value = validation.stack_specification;
    await follow(id);
  } catch (error) {
    show("bad", "not found", "", error.message);
  }
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(); });
at("stack").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask();
});
at("remove").addEventListener("click", remove);
at("shell").textContent = at("shell").textContent.replaceAll("http://localhost:8080", location.origin);
fetch("/version").then((answer) => answer.json()).then((about) => {
  at("about").textContent = `${about.name} ${about.version}`;
});
if (location.hash.length > 1) reopen(location.hash.slice(1));
