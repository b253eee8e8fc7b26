// Entente: what the pages can do better with a script. All of them work without it.
"use strict";

// What is said here, in the language of the page; its words come with the page.
const LANGUAGE = document.documentElement.lang || "en";
const SAID = JSON.parse(document.querySelector('meta[name="words"]')?.content || "{}");
const say = (message, values = {}) => (SAID[message] || message).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// The reader's own time, beside the UTC that is shown.
function ownTimes(root) {
  const format = new Intl.DateTimeFormat(LANGUAGE === "en" ? undefined : LANGUAGE, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (!Number.isNaN(at.getTime())) element.title = format.format(at);
  }
}

// A digest can be copied whole.
function copyable(root) {
  if (!navigator.clipboard) return;
  for (const whole of root.querySelectorAll(".digest .whole:not([data-copyable]), .whole[data-copy]:not([data-copyable])")) {
    whole.dataset.copyable = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = say("Copy");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(whole.textContent);
      button.textContent = say("Copied");
    });
    whole.after(" ", button);
  }
}

// A file that is dropped or chosen is hashed here. Where the act brings a new content, it is sent by parts, each of which
// is there whole or not at all, so that an upload goes on where it was cut off; the form carries its digest alone.
const PART = 4 * 1024 * 1024;
const KINDS = { md: "text/markdown", txt: "text/plain", csv: "text/csv", json: "application/json", pdf: "application/pdf" };

// A file's name in a sentence: its direction is its own (by U+2068 and U+2069), and what turns the direction of others is named.
function named(file) {
  const plain = file.name.replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
  return `\u2068${plain}\u2069`;
}

async function digestOf(file, tell) {
  const content = new Uint8Array(file.size);
  for (let at = 0; at < file.size; at += PART) {
    content.set(new Uint8Array(await file.slice(at, at + PART).arrayBuffer()), at);
    tell(at / file.size);
  }
  const hashed = await crypto.subtle.digest("SHA-256", content);
  return "sha256:" + Array.from(new Uint8Array(hashed), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function sendFile(file, address, token, tell) {
  const kind = (file.type || KINDS[file.name.split(".").pop().toLowerCase()] || "application/octet-stream").split(";")[0];
  const put = (headers, body) => fetch(address, { method: "PUT", headers: { "Content-Type": kind, "X-CSRF-Token": token, ...headers }, body });
  const there = await fetch(address, { method: "HEAD" });
  if (there.ok) return;
  let at = Number(there.headers.get("Upload-Offset") || 0);
  let left = 5;
  for (;;) {
    tell(file.size ? at / file.size : 1);
    const end = Math.min(at + PART, file.size);
    let answer = null;
    try {
      if (file.size === 0) answer = await put({}, file);
      else answer = at < file.size
        ? await put({ "Content-Range": `bytes ${at}-${end - 1}/${file.size}` }, file.slice(at, end))
        : await put({ "Content-Range": `bytes */${file.size}` });
    } catch (error) { /* The connection broke: asked again below. */ }
    if (answer && (answer.status === 200 || answer.status === 201)) return;
    if (answer && answer.status === 202) { at = Number(answer.headers.get("Upload-Offset")); left = 5; continue; }
    const goesOn = answer && answer.status === 409 ? answer.headers.get("Upload-Offset") : null;
    if (answer && goesOn === null && answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.detail || say("The server answered {status}.", { status: answer.status }));
    }
    left -= 1;
    if (left === 0) throw new Error(say("The server did not take it. Choose the file again: it goes on where it was cut off."));
    if (goesOn !== null) at = Number(goesOn);
    else await new Promise((resolve) => setTimeout(resolve, 1000 * Number((answer && answer.headers.get("Retry-After")) || 1)));
  }
}

function droppable(root) {
  if (!window.crypto || !crypto.subtle) return;
  for (const place of root.querySelectorAll("[data-digest]:not([data-ready])")) {
    place.dataset.ready = "";
    const form = place.closest("form");
    const input = place.querySelector("input[pattern]");
    const hint = place.querySelector("[data-drop-hint]");
    hint.setAttribute("role", "status");
    const alone = place.querySelector('input[type="checkbox"]');
    let chooser = place.querySelector('input[type="file"]');
    if (!chooser) {
      const label = document.createElement("label");
      label.textContent = `${say("Drop the file here, or choose it:")} `;
      chooser = document.createElement("input");
      chooser.type = "file";
      label.append(chooser);
      place.prepend(label);
    }
    let last = null;
    const take = async (file) => {
      last = file;
      // One that was chosen afterwards is the one that counts.
      const counts = () => last === file;
      const bar = document.createElement("progress");
      bar.setAttribute("aria-label", say("How much of {file} is done", { file: named(file) }));
      place.querySelector("progress")?.remove();
      hint.before(bar);
      if (form) form.dataset.sending = (Number(form.dataset.sending || 0) + 1).toString();
      try {
        hint.textContent = say("{file} is being hashed …", { file: named(file) });
        const digest = await digestOf(file, (part) => { bar.value = part; });
        let kept = say("The file stays with you.");
        if (place.dataset.files && !(alone && alone.checked)) {
          if (counts()) hint.textContent = say("{file} is being sent …", { file: named(file) });
          await sendFile(file, place.dataset.files + digest, form.elements.csrf.value, (part) => { bar.value = part; });
          kept = say("It is kept here for those whom the act is for.");
        }
        if (!counts()) return;
        input.value = input.name.endsWith(".also") && input.value ? `${input.value} ${digest}` : digest;
        const size = file.size.toLocaleString(LANGUAGE === "en" ? undefined : LANGUAGE);
        hint.textContent = `${say("That is the digest of {file} ({size} bytes).", { file: named(file), size })} ${kept}`;
        // The form carries the digest; the file is not sent a second time.
        chooser.value = "";
      } catch (error) {
        if (counts()) { input.value = ""; chooser.value = ""; hint.textContent = `${say("{file} was not taken.", { file: named(file) })} ${error.message}`; }
      } finally {
        bar.remove();
        if (form) form.dataset.sending = (Number(form.dataset.sending) - 1).toString();
      }
    };
    if (form && place.dataset.files) form.addEventListener("submit", (event) => {
      if (!Number(form.dataset.sending || 0)) return;
      event.preventDefault();
      if (place.querySelector("progress")) hint.textContent = say("The file is still on its way; go on once it is here.");
    });
    if (alone) alone.addEventListener("change", () => last && take(last));
    chooser.addEventListener("change", () => chooser.files[0] && take(chooser.files[0]));
    place.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
    place.addEventListener("dragleave", () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      place.classList.remove("over");
      if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }
}

// A form that was sent says so; its key makes that a second click does nothing more.
function once(root) {
  for (const form of root.querySelectorAll("form[data-once]:not([data-ready])")) {
    form.dataset.ready = "";
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "yes";
      const slow = document.createElement("p");
      slow.className = "beside";
      slow.setAttribute("role", "status");
      form.append(slow);
      setTimeout(() => { slow.textContent = say("It is being recorded, and the answer is awaited. It is done once, even if you send it again."); }, 2000);
    });
  }
}

window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});

// Where an accord is shown, its page says when it has moved on, and shows it anew (by htmx) where nobody is writing.
function follow() {
  const live = document.querySelector('meta[name="live"]');
  if (!live || !window.EventSource) return;
  const said = document.createElement("p");
  said.className = "sr";
  said.setAttribute("role", "status");
  document.getElementById("main").append(said);
  let waiting = null;
  const stream = new EventSource(live.content);
  stream.addEventListener("moved", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (document.getElementById("live")) {
        document.body.dispatchEvent(new Event("moved"));
        said.textContent = say("The accord has moved on; the page shows it.");
      } else if (!document.querySelector(".news")) {
        const news = document.createElement("p");
        news.className = "news";
        news.setAttribute("role", "status");
        const link = document.createElement("a");
        link.href = location.href;
        link.textContent = say("show it");
        news.append(`${say("The accord has moved on:")} `, link);
        document.getElementById("main").prepend(news);
      }
    }, 300);
  });
  window.addEventListener("pagehide", () => stream.close());
}

// A joining link's secret stands behind its #, which no browser sends: it is filled in, and sent only by the form.
function fromHash(root) {
  const field = root.querySelector("[data-from-hash]");
  if (field === null || !location.hash.startsWith("#inv_")) return;
  field.value = location.href;
  history.replaceState(null, "", location.pathname);
}

// A field for a zone that nobody has chosen yet begins with the reader's own.
function ownZone(root) {
  const field = root.querySelector("[data-own-zone]");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (field !== null && zone) field.value = zone;
}

// A form that comes back begins where something is wrong in it.
function toWrong() {
  if (location.hash) return;
  document.querySelector('.wrong :is(input:not([type="hidden"], [type="file"]), select, textarea)')?.focus();
}

function improve(root) { ownTimes(root); copyable(root); droppable(root); once(root); fromHash(root); ownZone(root); }

document.addEventListener("DOMContentLoaded", () => {
  improve(document);
  toWrong();
  follow();
  document.body.addEventListener("htmx:afterSettle", () => improve(document));
});
