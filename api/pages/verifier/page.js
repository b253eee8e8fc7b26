// The page: what is dropped in is judged here, and nothing is sent anywhere.

// The page speaks its reader's language, as far as SAID has it; the reasons of findings stand in English, as the command
// tells them, so that two readers of one bundle can compare them word by word.
let speaking = "en";
const say = (message, values = {}) => ((SAID[speaking] || {})[message] || message).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

function preferred() {
  const chosen = document.documentElement.lang, wanted = chosen ? [chosen] : [...(navigator.languages || [])];
  return wanted.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => tag in NAMES) || "en";
}

const asked = (question) => ({
  record: [say("Record"), say("Asked is whether every entry, payload and hash is the one that the tree commits to.")],
  consistency: [say("Consistency"), say("Asked is whether every checkpoint is of this one record, each extending the one before.")],
  signatures: [say("Signatures"), say("Asked is whether the log signed every checkpoint, and no signature is forged.")],
  quorum: [say("Quorum"), say("Asked is whether the witnesses that your policy names agree to the whole record.")],
  acts: [say("Acts"), say("Asked is whether every act is the one that was asked for and signed.")],
  completeness: [say("Completeness"), say("Asked is whether nothing is missing: every command has its entries, every entry its command.")],
  timestamps: [say("Timestamps"), say("Asked is whether every token of time is over this record, of an authority that you know, and no entry says that it is later.")],
})[question];
const SIGNS = { holds: "✓", fails: "✗", unproven: "?", withheld: "◐", unchecked: "–" };
const worded = (status) => ({ holds: say("holds"), fails: say("fails"), unproven: say("not proven"), withheld: say("holds for what is here; a part is withheld"), unchecked: say("not checked here, and nothing rests on it") })[status];

// What others wrote, such as a file's name: a character that turns the direction of what follows is named, and turns nothing.
const asWritten = (text) => String(text).replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (one) => `⟨U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

function isolated(name, text) {
  const made = element(name);
  made.append(element("bdi", asWritten(text)));
  return made;
}

// A sentence about something that others named, each name in an element of its own, whose direction is its own.
function told(name, sentence, values) {
  const made = element(name);
  for (const [at, part] of sentence.split(/\{(\w+)\}/).entries()) {
    if (at % 2 === 0) made.append(part);
    else made.append(element("bdi", asWritten(values[part] ?? `{${part}}`)));
  }
  return made;
}

const upperFirst = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const byId = (id) => document.getElementById(id);

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function contentOf(input) {
  return Promise.all(Array.from(input.files, async (file) => new Uint8Array(await file.arrayBuffer())));
}

async function brought() {
  const [policy] = await contentOf(byId("policy"));
  const commandKeys = byId("command-keys").value.split(/[\s,]+/).filter(Boolean);
  return { policy: policy ?? null, commandKeys, kept: await contentOf(byId("kept")) };
}

async function judge(file) {
  const answer = byId("answer");
  answer.replaceChildren(told("p", say("{file} is being judged …"), { file: file.name }));
  try {
    const data = new Uint8Array(await file.arrayBuffer());
    show(answer, file, await verifyBundle(data, await brought()));
  } catch (error) {
    if (!(error instanceof NoBundle)) throw error;
    answer.replaceChildren(
      element("h2", `✗ ${say("This is no bundle")}`, "fails"),
      told("p", say("{file} is not as the format says it has to be: {problem}. Nothing else is said of it. Have it exported again, and compare the copies."), { file: file.name, problem: error.message }),
    );
  }
  answer.focus();
}

function show(answer, file, { manifest, entries, findings }) {
  const statuses = findings.map((one) => one.status);
  const overall = statuses.includes("fails") ? [`✗ ${say("Something is wrong with this record")}`, "fails"]
    : statuses.includes("unproven") ? [`? ${say("Nothing speaks against it, and not all of it is proven")}`, "unproven"]
    : [`✓ ${say("What was checked here holds")}`, "holds"];
  const about = element("p");
  const accord = element("b");
  accord.append(element("bdi", asWritten(manifest.accord)));
  about.append(accord, ` · ${say("entries: {n}", { n: manifest.size.toLocaleString(speaking) })} · `, element("bdi", asWritten(file.name)));
  const definition = entries[0]?.event?.definition;
  const list = element("ul", "", "findings");
  for (const one of findings) {
    const item = element("li", "", one.status);
    item.append(element("b", `${SIGNS[one.status]} ${asked(one.question)[0]}: ${worded(one.status)}`), element("br"), asked(one.question)[1]);
    if (one.problems.length) {
      const problems = element("ul");
      problems.lang = "en";
      for (const problem of one.problems) problems.append(isolated("li", upperFirst(problem)));
      item.append(problems);
    } else if (one.why) {
      const why = isolated("i", `${upperFirst(one.why)}.`);
      why.lang = "en";
      item.append(element("br"), why);
    }
    list.append(item);
  }
  const fold = element("p", "", "fold");
  fold.append(element("b", `${say("Not asked here: the rules.")} `), say("This page does not run them again: that every event followed from its act by the accord's rules, only the command entente verify tells. The times that entries say are by the clock of whoever runs the installation; what authorities outside say of time, that command tells as well. Nor does any record prove that what was put in was true."));
  answer.replaceChildren(element("h2", ...overall), about);
  if (isObject(definition) && definition.illustrative === true) answer.append(element("p", say("Illustrative: demonstration data, which speaks for nobody."), "notice"));
  if (isObject(definition) && isObject(definition.clock) && definition.clock.mode === "simulated") answer.append(element("p", say("On a simulated clock."), "notice"));
  answer.append(list, fold);
}

if (typeof document !== "undefined") {
  const place = byId("place"), chooser = byId("bundle"), tongue = byId("language");
  let last = null;
  const take = (file) => { if (file) { last = file; judge(file); } };
  const speak = (language) => {
    speaking = language;
    document.documentElement.lang = tongue.value = language;
    for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
    document.title = `${say("Verify a record")} · Entente`;
  };
  for (const [tag, name] of Object.entries(NAMES)) {
    const option = element("option", name);
    option.value = option.lang = tag;
    tongue.append(option);
  }
  byId("speaks").hidden = Object.keys(NAMES).length < 2;
  tongue.addEventListener("change", () => { speak(tongue.value); take(last); });
  speak(preferred());
  chooser.addEventListener("change", () => take(chooser.files[0]));
  for (const id of ["policy", "command-keys", "kept"]) byId(id).addEventListener("change", () => take(last));
  document.addEventListener("dragover", (event) => { event.preventDefault(); place.classList.add("over"); });
  document.addEventListener("dragleave", () => place.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  crypto.subtle?.generateKey("Ed25519", false, ["sign", "verify"]).catch(() => null).then((keys) => {
    byId("unable").hidden = Boolean(keys);
    chooser.disabled = !keys;
  }) ?? (byId("unable").hidden = false);
}
