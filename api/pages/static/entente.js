// Entente: what the pages can do better with a script. All of them work without it.
"use strict";

// The reader's own time, beside the UTC that is shown.
function ownTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (!Number.isNaN(at.getTime())) element.title = format.format(at);
  }
}

// A digest can be copied whole.
function copyable(root) {
  if (!navigator.clipboard) return;
  for (const whole of root.querySelectorAll(".digest .whole:not([data-copyable])")) {
    whole.dataset.copyable = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(whole.textContent);
      button.textContent = "Copied";
    });
    whole.after(" ", button);
  }
}

// A file that is dropped or chosen is hashed here; only its digest goes into the form.
async function digestOf(file) {
  const hashed = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return "sha256:" + Array.from(new Uint8Array(hashed), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function droppable(root) {
  if (!window.crypto || !crypto.subtle) return;
  for (const place of root.querySelectorAll("[data-digest]:not([data-ready])")) {
    place.dataset.ready = "";
    const input = place.querySelector("input");
    const hint = place.querySelector("[data-drop-hint]");
    const label = document.createElement("label");
    label.textContent = "Drop the file here, or choose it: ";
    const chooser = document.createElement("input");
    chooser.type = "file";
    label.append(chooser);
    place.prepend(label);
    const take = async (file) => {
      hint.textContent = `${file.name} is being hashed …`;
      const digest = await digestOf(file);
      input.value = input.name.endsWith(".also") && input.value ? `${input.value} ${digest}` : digest;
      hint.textContent = `That is the digest of ${file.name} (${file.size.toLocaleString()} bytes). The file stays with you.`;
    };
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
      setTimeout(() => { slow.textContent = "It is being recorded, and the answer is awaited. It is done once, even if you send it again."; }, 2000);
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
        said.textContent = "The accord has moved on; the page shows it.";
      } else if (!document.querySelector(".news")) {
        const news = document.createElement("p");
        news.className = "news";
        news.setAttribute("role", "status");
        const link = document.createElement("a");
        link.href = location.href;
        link.textContent = "show it";
        news.append("The accord has moved on: ", link, ".");
        document.getElementById("main").prepend(news);
      }
    }, 300);
  });
  window.addEventListener("pagehide", () => stream.close());
}

function improve(root) { ownTimes(root); copyable(root); droppable(root); once(root); }

document.addEventListener("DOMContentLoaded", () => {
  improve(document);
  follow();
  document.body.addEventListener("htmx:afterSettle", () => improve(document));
});
