// The page: what is dropped in is judged here, and nothing is sent anywhere.

const ASKS = {
  record: "every entry, payload and hash is the one that the tree commits to",
  consistency: "every checkpoint is of this one record, each extending the one before",
  signatures: "the log signed every checkpoint, and no signature is forged",
  quorum: "the witnesses that your policy names agree to the whole record",
  acts: "every act is the one that was asked for and signed",
  completeness: "nothing is missing: every command has its entries, every entry its command",
  timestamps: "every token of time is over this record, of an authority that you know, and no entry says that it is later",
};
const SIGNS = { holds: "✓", fails: "✗", unproven: "?", withheld: "◐" };
const WORDS = { holds: "holds", fails: "fails", unproven: "not proven", withheld: "holds for what is here; a part is withheld" };

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
  answer.replaceChildren(element("p", `${file.name} is being judged …`));
  try {
    const data = new Uint8Array(await file.arrayBuffer());
    show(answer, file, await verifyBundle(data, await brought()));
  } catch (error) {
    if (!(error instanceof NoBundle)) throw error;
    answer.replaceChildren(
      element("h2", "✗ This is no bundle", "fails"),
      element("p", `${file.name} is not as the format says it has to be: ${error.message}. Nothing else is said of it. Have it exported again, and compare the copies.`),
    );
  }
  answer.focus();
}

function show(answer, file, { manifest, entries, findings }) {
  const statuses = findings.map((one) => one.status);
  const overall = statuses.includes("fails") ? ["✗ Something is wrong with this record", "fails"]
    : statuses.includes("unproven") ? ["? Nothing speaks against it, and not all of it is proven", "unproven"]
    : ["✓ What was checked here holds", "holds"];
  const about = element("p");
  about.append(element("b", manifest.accord), ` · ${manifest.size.toLocaleString("en")} ${manifest.size === 1 ? "entry" : "entries"} · ${file.name}`);
  const definition = entries[0]?.event?.definition;
  const list = element("ul", "", "findings");
  for (const one of findings) {
    const item = element("li", "", one.status);
    item.append(element("b", `${SIGNS[one.status]} ${upperFirst(one.question)}: ${WORDS[one.status]}`), element("br"), `Asked is whether ${ASKS[one.question]}.`);
    if (one.problems.length) {
      const problems = element("ul");
      for (const problem of one.problems) problems.append(element("li", upperFirst(problem)));
      item.append(problems);
    } else if (one.why) item.append(element("br"), element("i", `${upperFirst(one.why)}.`));
    list.append(item);
  }
  const fold = element("p", "", "fold");
  fold.append(element("b", "Not asked here: the rules. "), "This page does not run them again: that every event followed from its act by the accord's rules, only the command ", element("code", "entente verify"), " tells. The times that entries say are by the clock of whoever runs the installation; what authorities outside say of time, that command tells as well. Nor does any record prove that what was put in was true.");
  answer.replaceChildren(element("h2", ...overall), about);
  if (isObject(definition) && definition.illustrative === true) answer.append(element("p", "Illustrative: demonstration data, which speaks for nobody.", "notice"));
  if (isObject(definition) && isObject(definition.clock) && definition.clock.mode === "simulated") answer.append(element("p", "On a simulated clock.", "notice"));
  answer.append(list, fold);
}

if (typeof document !== "undefined") {
  const place = byId("place"), chooser = byId("bundle");
  let last = null;
  const take = (file) => { if (file) { last = file; judge(file); } };
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
