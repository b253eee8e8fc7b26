// FORMAT.md, "What to check": every question but the fold, which needs the model's rules.

const QUESTIONS = ["record", "consistency", "signatures", "quorum", "acts", "completeness"];
const ABOUT_KEYS = ["log_key_rotated", "log_key_retired"];
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
const NOT_CHECKED = "this page does not check tokens of time: the command entente verify does, with --tsa-certificate";
const OWN_WORD = "it rests on the bundle's own word";

/**
 * What a bundle comes to: for each question its answer (fails, unproven, withheld or holds) and the reasons.
 * `brought` is what the reader knows: `policy` (bytes or null), `commandKeys` (texts), `kept` (bytes each).
 * Throws NoBundle for what is malformed.
 */
async function verifyBundle(data, brought) {
  const verifier = new Verifier(await Archive.read(data), brought);
  await verifier.read();
  return verifier.run();
}

class Verifier {
  constructor(archive, brought) {
    Object.assign(this, { archive, brought, unproven: new Map(), withheld: new Map(), entries: [] });
    this.fails = Object.fromEntries(QUESTIONS.map((name) => [name, []]));
  }

  gap(question, why) { this.unproven.set(question, why); }
  lack(question, why) { this.withheld.set(question, why); }

  async read() {
    const { archive } = this;
    need(archive.content.has("manifest.json"), "no manifest");
    const manifest = this.manifest = readManifest(fromJson(archive.text("manifest.json")));
    this.size = manifest.size;
    need(this.size <= 256 * archive.content.size, "too few members");
    this.tiles = tilesOf(this.size);
    const wanted = ["manifest.json", "FORMAT.md", "checkpoints.jsonl", ...this.tiles.keys()];
    for (const name of this.tiles.keys()) if (name.startsWith("tile/entries/")) wanted.push(payloadsOf(name));
    if (manifest.audience !== "none") wanted.push("commands.jsonl");
    if (manifest.policy) wanted.push("policy.txt");
    if (manifest.timestamps) wanted.push("timestamps.jsonl");
    need(sameSet([...archive.content.keys()], wanted), "it has not the members of its format");
    this.claimed = await Promise.all(manifest.log_keys.map((line) => readKey(line, [1])));
    for (const text of manifest.command_keys) await commandKey(text);
    this.beside = manifest.policy ? await Policy.read(archive.text("policy.txt")) : null;
    if (manifest.timestamps) checkTokens(archive.lines("timestamps.jsonl"), this.size);
    this.notes = archive.lines("checkpoints.jsonl").map((line) => {
      need(hasExactly(line, ["note"]) && isText(line.note), "a checkpoint");
      return Note.read(BYTES.encode(line.note));
    });
    this.commands = archive.content.has("commands.jsonl") ? readCommands(archive.lines("commands.jsonl")) : null;
  }

  async run() {
    const given = this.brought.policy === null ? null : await Policy.read(this.brought.policy);
    await this.record();
    await this.log(given);
    await this.acts();
    this.erasures();
    const own = given !== null && given.logs.some((one) => one.name === this.manifest.origin);
    if (!own || this.fails.signatures.length || this.unproven.has("signatures")) {
      const why = own ? "no key that you know stands behind all of it" : `no key of the log was given: ${OWN_WORD}`;
      for (const question of ["record", "consistency", "completeness"]) this.gap(question, why);
    }
    const findings = QUESTIONS.map((question) => this.finding(question));
    if (this.manifest.timestamps) findings.push({ question: "timestamps", status: "unchecked", problems: [], why: NOT_CHECKED });
    return { manifest: this.manifest, entries: this.entries, findings };
  }

  finding(question) {
    const problems = this.fails[question], why = this.unproven.get(question) ?? this.withheld.get(question) ?? "";
    const rest = this.unproven.has(question) ? "unproven" : this.withheld.has(question) ? "withheld" : "holds";
    return { question, status: problems.length ? "fails" : rest, problems: problems.slice(0, 20), why };
  }

  // 1

  async record() {
    const { archive } = this, fails = this.fails.record;
    if (hex(await sha(archive.text("FORMAT.md"))) !== FORMAT_SHA256) fails.push("FORMAT.md is not the text of the format that this page knows: believe nothing of it");
    const leaves = [];
    for (const [name, { level, width }] of this.tiles) {
      if (level !== "0") continue;
      const content = archive.content.get(name);
      need(content.length === 32 * width, name);
      for (let at = 0; at < content.length; at += 32) leaves.push(content.subarray(at, at + 32));
    }
    this.tree = new Tree(leaves);
    for (const [name, { level, index, width }] of this.tiles) {
      const content = archive.content.get(name);
      if (level === "entries") this.entries.push(...(await this.bundle(name, 256 * index, width)));
      else if (level !== "0") {
        need(content.length === 32 * width, name);
        const span = 256 ** Number(level), hashes = [];
        for (let at = 0; at < width; at++) hashes.push(await this.tree.root(span, (256 * index + at) * span));
        if (!same(content, joined(...hashes))) fails.push(`${name} does not have the hashes that follow from the entries`);
      }
    }
  }

  async bundle(name, start, width) {
    const content = this.archive.content.get(name), found = [], payloads = this.archive.lines(payloadsOf(name));
    let at = 0;
    while (at < content.length && found.length < width) {
      need(at + 2 <= content.length, name);
      const end = at + 2 + 256 * content[at] + content[at + 1];
      need(end <= content.length, name);
      found.push(content.subarray(at + 2, end));
      at = end;
    }
    need(at === content.length && found.length === width && payloads.length === width, name);
    const entries = [];
    for (const [index, line] of payloads.entries()) {
      need(hasExactly(line, ["position", "facts", "particulars"]) && line.position === start + index, "a line of payloads");
      for (const kind of ["facts", "particulars"]) {
        if (["withheld", "erased"].includes(line[kind])) continue;
        need(hasExactly(line[kind], ["salt", "content"]) && isText(line[kind].content), "a payload");
        unbase64(line[kind].salt);
      }
      entries.push(await this.entry(start + index, found[index], line));
    }
    return entries;
  }

  async entry(position, content, line) {
    const fails = this.fails.record, leaf = this.tree.leaves[position];
    if (!content.length) {
      this.lack("record", "entries are withheld; their hashes stand in the tree");
      return null;
    }
    if (!same(await sha(Uint8Array.of(0), content), leaf)) fails.push(`entry ${position}: its bytes do not have the hash that stands in the tree`);
    let said;
    try {
      said = readEntry(fromJson(content));
    } catch (error) {
      if (!(error instanceof NoBundle)) throw error;
      fails.push(`entry ${position} does not read: ${error.message}`);
      return null;
    }
    if (said.accord !== this.manifest.accord || said.position !== position) fails.push(`entry ${position} says that it stands elsewhere: it was moved`);
    const payloads = {};
    for (const kind of ["facts", "particulars"]) {
      payloads[kind] = null;
      if (line[kind] === "erased" && kind === "facts") fails.push(`entry ${position}: its facts are said to be erased, which facts never are`);
      if (!isObject(line[kind])) continue;
      const raw = BYTES.encode(line[kind].content), salt = unbase64(line[kind].salt);
      try {
        need(salt.length === 16 && said[kind] === `sha256:${hex(await sha(salt, raw))}`, "it has another digest");
        const value = fromJson(raw);
        need(isObject(value), "it is no object");
        payloads[kind] = value;
      } catch (error) {
        if (!(error instanceof NoBundle)) throw error;
        fails.push(`entry ${position}: its ${kind}: ${error.message}`);
      }
    }
    return new Entry({ position, leaf, said, ...payloads, erased: line.particulars === "erased" });
  }

  // 2 to 4

  async log(given) {
    const { origin } = this.manifest, { size } = this;
    const own = given === null ? [] : unique(given.logs.filter((one) => one.name === origin));
    const known = unique([...own, ...this.claimed.filter((one) => one.name === origin)]);
    if (!known.length || (given !== null && given.logs.length && !own.length)) this.fails.signatures.push("no key of this log is known");
    if (!own.length) this.gap("signatures", "the log's key came with the bundle: whoever forged the record could have brought it along");
    const log = new Witnessing(this, own, known, given);
    let reached = 0, at = 0;
    for (const one of this.notes) {
      if (one.size > size) {
        this.fails.completeness.push(`the log signed ${one.size} entries, and the record here ends at ${size}: it was truncated`);
        break;
      }
      if (one.size <= reached) {
        this.fails.consistency.push("checkpoints stand out of order");
        continue;
      }
      while (at < one.size) await log.tell(at, this.entries[at++]);
      reached = one.size;
      await log.judge(one);
    }
    while (at < size) await log.tell(at, this.entries[at++]);
    log.finish();
    for (const content of this.brought.kept) await this.kept(log, content);
  }

  async kept(log, content) {
    const { index, proof, note } = readKept(content);
    if (note.origin !== this.manifest.origin) {
      this.fails.consistency.push("a checkpoint that you kept is of another log");
      return;
    }
    if ((await note.signers(log.keysForKept(note.size))) === null) {
      this.fails.signatures.push("a checkpoint that you kept is not signed by the log");
      return;
    }
    if (index !== null && index < this.size && !(await included(this.tree.leaves[index], index, note.size, proof, note.root))) {
      this.fails.consistency.push(`the proof that you kept is not of the entry ${index} that stands in the record`);
    }
    if (note.size > this.size) this.fails.completeness.push(`you kept a checkpoint of ${note.size} entries, and the record here ends at ${this.size}`);
    else if (!same(await this.tree.root(note.size), note.root)) {
      this.fails.consistency.push(`the checkpoint that you kept has another root at size ${note.size} than the record: two histories were shown`);
    }
  }

  // 5 and 6

  async acts() {
    const known = this.brought.commandKeys.length ? this.brought.commandKeys : this.manifest.command_keys;
    const acts = new Acts(this.manifest.accord, new Map(await Promise.all(known.map(commandKey))));
    const fails = this.fails.completeness, gone = this.entries.includes(null);
    if (this.commands === null || gone) this.lack("completeness", "commands or entries are withheld");
    const order = (this.commands ?? []).map((line) => 2 * line.receipt.size + (line.receipt.events.length ? 0 : 1));
    if (order.some((one, at) => at > 0 && one < order[at - 1])) fails.push("commands stand out of order");
    const walk = new Walk(this, acts);
    await walk.run();
    if (!this.brought.commandKeys.length) this.gap("acts", `no command key was given: ${OWN_WORD}`);
    if (acts.withheld || gone) this.lack("acts", "signed commands, or what they rest on, are withheld or lawfully erased");
    this.fails.acts.push(...acts.fails);
    if (new Set(walk.ids).size !== walk.ids.length) fails.push("an id comes twice");
  }

  erasures() {
    const said = new Set();
    let whole = true;
    for (const one of this.entries) {
      if (one === null || one.facts === null) whole = false;
      else if (one.said.type === "particulars_erased") {
        const positions = one.event?.positions;
        if (Array.isArray(positions) && positions.every(isInteger)) positions.forEach((at) => said.add(at));
        else whole = false;
      }
    }
    if (!this.entries.some((one) => one !== null && one.facts !== null && one.erased && !said.has(one.position))) return;
    if (whole) this.fails.completeness.push("particulars are missing, and no entry says that they were erased");
    else this.lack("completeness", "what was erased may be said by what is withheld");
  }
}

/** The entries, command by command, beside the lines of commands. */
class Walk {
  constructor(verifier, acts) {
    Object.assign(this, { verifier, acts, ids: [], gone: false, at: 0 });
    this.left = verifier.commands ?? [];
    this.fails = verifier.fails.completeness;
  }

  get next() { return this.left[this.at]; }

  async run() {
    let group = [];
    for (const one of this.verifier.entries) {
      if (one === null) this.gone = true;
      if (one === null || one.said.causation === null) {
        await this.close(group);
        group = [];
      }
      if (one === null) {
        this.acts.hidden = true;
        continue;
      }
      const cause = one.said.causation;
      if (!group.length && cause !== null && !this.gone) this.fails.push(`entry ${one.position}: what caused it is not before it`);
      if (group.length && (cause !== group[0].said.position || one.said.command !== group[0].said.command)) {
        this.fails.push(`entry ${one.position} stands among the entries of another command`);
      }
      group.push(one);
    }
    await this.close(group);
    for (; this.next; this.at++) {
      if (!this.gone) this.fails.push(`${this.next.id} has no entries`);
      await this.acts.alone(this.next);
    }
  }

  async close(group) {
    if (!group.length) return;
    this.ids.push(group[0].said.command);
    const line = this.verifier.commands === null || this.gone ? null : await this.line(group);
    await this.acts.check(group, line);
    await this.acts.learn(group);
    const end = group.at(-1).position + 1;
    while (!this.gone && this.next && !this.next.receipt.events.length && this.next.receipt.size === end) {
      await this.repeat(this.left[this.at++], end);
    }
  }

  async line(group) {
    const end = group.at(-1).position + 1;
    while (this.next && this.next.receipt.size < end) {
      const stray = this.left[this.at++];
      this.ids.push(stray.id);
      this.fails.push(`${stray.id} is the outcome of no entries`);
      await this.acts.alone(stray);
    }
    if (!this.next || !this.next.receipt.events.length || this.next.receipt.size !== end) {
      this.fails.push(`the outcome of ${group[0].said.command} is missing`);
      return null;
    }
    const line = this.left[this.at++];
    await this.receipt(group, line, end);
    return line;
  }

  async receipt(group, line, end) {
    const told = line.receipt, last = group.at(-1), id = group[0].said.command, by = before(id, "/");
    const there = {
      accord: this.verifier.manifest.accord, command: id, first_position: group[0].position, position: last.position, size: end,
      leaf: hex(last.leaf), root: hex(await this.verifier.tree.root(end)), events: group.map((one) => one.said.type),
      status: group.some((one) => REFUSALS.includes(one.said.type)) ? "refused" : "recorded",
    };
    let right = line.id === id && Object.entries(there).every(([name, value]) => toText(told[name]) === toText(value));
    right &&= (told.time.includes(".") ? told.time : told.time.replace("Z", ".000000Z")) === last.said.time;
    const act = toldBy(group)?.act ?? null;
    if (act !== null) right &&= told.act === String(act.name);
    else if (by !== "unattributed") right &&= told.act === (by === "clock" ? "clock" : "");
    if (group.every((one) => one.facts !== null)) right &&= toText(told.refusal) === toText(refusalOf(last));
    if (!right) this.fails.push(`the receipt of ${id} says something else than the record`);
  }

  async repeat(line, size) {
    const told = line.receipt, there = told.position >= 0 && told.position < size ? this.verifier.entries[told.position] : null;
    this.ids.push(line.id);
    const refusal = there !== null && REFUSALS.includes(there.said.type) ? there : null;
    let right = refusal !== null && told.refusal !== null && told.accord === this.verifier.manifest.accord && told.command === line.id;
    right &&= told.status === "refused" && told.first_position === told.position;
    right &&= told.root === hex(await this.verifier.tree.root(size)) && told.leaf === hex(refusal.leaf);
    if (!right) this.fails.push(`${line.id} repeats no refusal that stands there`);
    await this.acts.repeat(line, refusal);
  }
}

function refusalOf(last) {
  const event = last.event;
  if (event === null) return null;
  if (last.said.type === "act_refused") return isObject(event.refusal) ? event.refusal : null;
  if (last.said.type !== "signal_refused") return null;
  return { guard: "signal_taken_up", reason: event.reason ?? null, remedy: "correct it, and send it again", unmet: [] };
}

const payloadsOf = (name) => `payloads/${name.replace("tile/entries/", "").replace(/\.p\/.*/, "")}.jsonl`;

async function commandKey(text) {
  const raw = unbase64(text, "a command key");
  need(raw.length === 32, "a command key");
  return [hex(await sha(raw)).slice(0, 16), raw];
}

function readKept(content) {
  const head = "c2sp.org/tlog-proof@v1\n";
  if (latin1(content.subarray(0, head.length)) !== head) return { index: null, proof: [], note: Note.read(content) };
  const text = decoded(content, "a proof"), gap = text.indexOf("\n\n");
  need(gap >= 0, "a proof");
  const told = text.slice(head.length, gap).split("\n").filter((line) => !line.startsWith("extra "));
  need(/^index (0|[1-9][0-9]{0,15})$/.test(told[0]), "the index of a proof");
  return { index: Number(told[0].slice(6)), proof: told.slice(1).map((one) => unbase64(one)), note: Note.read(BYTES.encode(text.slice(gap + 2))) };
}

/** Tokens of time stand in their form; what they say is not looked at. */
function checkTokens(lines, size) {
  let last = { size: 0, token: "" };
  for (const line of lines) {
    need(hasExactly(line, ["size", "token"]) && toText(line).length <= 131072, "a token of time");
    need(isInteger(line.size) && line.size >= 1 && line.size <= size, "a token of time");
    unbase64(line.token, "a token of time");
    need(line.size > last.size || (line.size === last.size && line.token > last.token), "the order of tokens of time");
    last = line;
  }
}

function readManifest(found) {
  const names = "format accord origin size audience log_keys command_keys state policy release".split(" ");
  need(isObject(found) && (found.timestamps === undefined || found.timestamps === true), "the members of the manifest");
  need(hasExactly(found, found.timestamps ? [...names, "timestamps"] : names), "the members of the manifest");
  need(found.format === "entente-bundle/1" && ["all", "facts", "none"].includes(found.audience), "the manifest");
  need([found.accord, found.origin, found.release].every(isText) && [...found.release].length <= 100, "the manifest");
  for (const [name, least, most] of [["log_keys", 1, 20], ["command_keys", 0, 100]]) {
    need(isTexts(found[name]) && found[name].length >= least && found[name].length <= most, "the manifest");
  }
  need(isInteger(found.size) && found.size >= 1 && typeof found.policy === "boolean", "the manifest");
  need(found.state === null || (isText(found.state) && DIGEST.test(found.state)), "the manifest");
  return found;
}

function readEntry(said) {
  need(hasExactly(said, "accord actor causation command facts particulars position time type v version".split(" ")), "its members");
  const actor = said.actor;
  need(hasExactly(actor, ["behalf", "delegate", "party", "role"]) && said.v === 1, "its actor or version");
  const texts = [said.accord, said.command, said.type, said.time, said.facts, said.particulars, actor.delegate, actor.role];
  need([...texts, ...[actor.party, actor.behalf].filter((one) => one !== null)].every(isText), "its texts");
  need(DIGEST.test(said.facts) && DIGEST.test(said.particulars), "a digest");
  need(isInteger(said.position) && said.position >= 0 && isInteger(said.version) && said.version >= 1, "its position");
  const cause = said.causation;
  need(cause === null || (isInteger(cause) && cause >= 0 && cause < said.position), "its cause");
  const found = STAMP.exec(said.time);
  need(found !== null && isDay(...found.slice(1, 4).map(Number)), "its time");
  return said;
}
