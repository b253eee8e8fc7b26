// FORMAT.md, "Commands" and "Delegates' own signatures": the question *acts*.

const MOMENT = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.(?!0{6})\d{6})?Z$/;
const REFUSALS = ["act_refused", "signal_refused"];
const NOBODY = ["clock", "unattributed"];
const OWN = ["key", "signature", "particulars", "not_after"];
const SIGNED = ["accord", "act", "delegate", "fields", "id", "key_id", "signature"];

const digestOf = async (value) => `sha256:${hex(await sha(toJson(value)))}`;
const isTexts = (value) => Array.isArray(value) && value.every(isText);
const before = (text, mark) => (text.includes(mark) ? text.slice(0, text.indexOf(mark)) : text);

/** Whether the calendar has that day. */
function isDay(year, month, day) {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  return year >= 1 && at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day;
}

function isMoment(value) {
  const found = isText(value) ? MOMENT.exec(value) : null;
  if (found === null) return false;
  const [year, month, day] = found.slice(1, 4).map(Number);
  return year > 1900 && year < 2999 && isDay(year, month, day);
}

/** The lines of commands.jsonl, of the right form. */
function readCommands(lines) {
  for (const line of lines) {
    need(hasExactly(line, ["id", "fingerprint", "salt", "receipt", "signed"]), "the members of a command");
    need(isText(line.id) && isText(line.fingerprint) && isText(line.signed), "a command");
    if (line.salt !== null) unbase64(line.salt);
    checkReceipt(line.receipt);
  }
  return lines;
}

function checkReceipt(value) {
  const texts = ["accord", "command", "act", "status", "leaf", "root", "stage"];
  const numbers = ["first_position", "position", "size", "version"];
  need(hasExactly(value, [...texts, ...numbers, "time", "events", "refusal"]), "the members of a receipt");
  need(texts.every((name) => isText(value[name])) && numbers.every((name) => isInteger(value[name])), "a receipt");
  need(["recorded", "refused"].includes(value.status) && isMoment(value.time) && isTexts(value.events), "a receipt");
  const refusal = value.refusal;
  if (refusal === null) return;
  need(hasExactly(refusal, ["guard", "reason", "remedy", "unmet"]), "a refusal");
  need([refusal.guard, refusal.reason, refusal.remedy].every(isText) && Array.isArray(refusal.unmet), "a refusal");
  for (const one of refusal.unmet) {
    need(hasExactly(one, ["guard", "reason", "who", "by", "subject"]), "unmet");
    need(isText(one.guard) && isText(one.reason) && isTexts(one.who), "unmet");
    need((one.by === null || isMoment(one.by)) && (one.subject === null || isText(one.subject)), "unmet");
  }
}

/** An entry as far as it is there; payloads that are absent are null. */
class Entry {
  constructor(fields) {
    Object.assign(this, fields);
  }

  get act() {
    const found = this.facts === null ? null : this.facts.act;
    return isObject(found) ? found : null;
  }

  get event() {
    const found = this.facts === null ? null : this.facts.event;
    return isObject(found) ? found : null;
  }

  /** Whether it refuses an act of which nothing is kept. */
  get unheard() {
    return this.said.type === "act_refused" && this.act !== null && this.act.withheld === true;
  }
}

const toldBy = (group) => group.find((one) => one.act !== null) ?? null;

class Acts {
  constructor(accord, keys) {
    Object.assign(this, { accord, keys, fails: [], withheld: false, hidden: false, enrolled: new Map() });
  }

  /** The entries of a command, and its line. */
  async check(group, line) {
    const id = group[0].said.command, by = before(id, "/");
    if (NOBODY.includes(by)) {
      for (const one of group) {
        const actor = one.said.actor;
        if (!["clock", by].includes(actor.delegate) || actor.party !== null) this.fails.push(`${id}: somebody stands on it`);
      }
    }
    if (line === null) this.withheld = true;
    else if (line.signed === "erased" && toldBy(group)?.unheard) { /* Nothing is kept of it, and nothing withheld. */ }
    else if (["withheld", "erased"].includes(line.signed)) this.absent(line, group.some((one) => one.erased));
    else this.say(id, NOBODY.includes(by) ? await this.unsigned(line, group, null) : await this.signed(line, group));
    await this.own(group);
  }

  /** A line without entries; `refusal` is the entry at which it points, if that is a refusal. */
  async repeat(line, refusal) {
    const by = before(line.id, "/");
    if (line.signed === "erased" && refusal !== null && refusal.unheard) return;
    if (["withheld", "erased"].includes(line.signed)) return this.absent(line, refusal !== null && refusal.erased);
    if (NOBODY.includes(by)) return this.say(line.id, await this.unsigned(line, null, refusal));
    let [problem, signed] = await this.genuine(line);
    if (problem === null && refusal !== null) {
      const event = refusal.event;
      if (refusal.said.type !== "act_refused" || refusal.said.actor.delegate !== signed.delegate) {
        problem = "it points at no refusal of this delegate";
      } else if (event !== null && event.act !== signed.act) problem = "it points at the refusal of another act";
    }
    this.say(line.id, problem);
    if (problem === null && Object.hasOwn(signed, "own")) this.say(line.id, await this.ownOnRepeat(signed));
  }

  /** A line of which nothing more is known. */
  async alone(line) {
    if (["withheld", "erased"].includes(line.signed) || NOBODY.includes(before(line.id, "/"))) return;
    this.say(line.id, (await this.genuine(line))[0]);
  }

  /** The keys that the entries enrol count for what comes after them. */
  async learn(group) {
    for (const one of group) {
      this.hidden ||= one.facts === null;
      if (one.said.type !== "key_enrolled" || one.event === null || !isText(one.event.delegate)) continue;
      try {
        const raw = unbase64(one.event.public_key), whose = one.event.delegate;
        if (!this.enrolled.has(whose)) this.enrolled.set(whose, new Map());
        this.enrolled.get(whose).set(hex(await sha(raw)).slice(0, 16), raw);
      } catch (error) {
        if (!(error instanceof NoBundle)) throw error;
      }
    }
  }

  say(where, problem) {
    if (problem !== null) this.fails.push(`${where}: ${problem}`);
  }

  absent(line, erased) {
    if (line.signed === "withheld" || erased) this.withheld = true;
    else this.fails.push(`${line.id}: its signed command is missing`);
  }

  /** What is wrong with a signed command by itself. */
  async genuine(line) {
    let signed;
    try {
      signed = fromJson(BYTES.encode(line.signed));
    } catch (error) {
      if (error instanceof NoBundle) return ["it is not canonical JSON", {}];
      throw error;
    }
    const names = isObject(signed) ? Object.keys(signed).filter((name) => !["own", "required_version"].includes(name)) : [];
    if (!sameSet(names, SIGNED)) return ["its members", {}];
    if (signed.accord !== this.accord || signed.id !== line.id) return ["its accord or id", {}];
    if (!line.id.startsWith(`${signed.delegate}/`)) return ["its id", {}];
    const covered = pick(signed, (name) => name !== "signature");
    const raw = this.keys.get(String(signed.key_id));
    let signature;
    try {
      signature = unbase64(signed.signature);
    } catch {
      return ["its signature is not written as one", {}];
    }
    if (raw === undefined || !(await fits(raw, signature, toJson(covered)))) return ["its signature does not fit", {}];
    if (!(await this.fingerprint(line, covered))) return ["its fingerprint", {}];
    return [signed.act === line.receipt.act ? null : "the act of its receipt is another", signed];
  }

  async fingerprint(line, covered) {
    if (line.salt === null) return false;
    const kept = pick(covered, (name) => !["key_id", "own", "signature"].includes(name));
    const inner = BYTES.encode(await digestOf(kept));
    return line.fingerprint === `sha256:${hex(await sha(unbase64(line.salt), inner))}`;
  }

  async signed(line, group) {
    const [problem, signed] = await this.genuine(line);
    if (problem !== null) return problem;
    const told = toldBy(group);
    if (told === null) return group.some((one) => one.facts === null) ? null : "no entry tells of an act";
    const act = told.act, fields = signed.fields;
    if (signed.delegate !== told.said.actor.delegate || signed.act !== act.name) return "another delegate or act stands on the entry";
    let said;
    try {
      if (signed.act === "open_accord") {
        const definition = member(fields, "definition"), name = await digestOf(definition), event = told.event ?? {};
        const right = hasExactly(fields, ["definition"]) && toText(member(act, "fields")) === toText({ definition: name });
        const whole = toText(member(event, "definition")) === toText(definition) && member(event, "digest") === name;
        return right && whole ? null : "another definition was signed";
      }
      const facts = member(act, "fields");
      need(isObject(facts) && isObject(fields), "fields");
      if (toText(pick(fields, (name) => Object.hasOwn(facts, name))) !== toText(facts)) return "other fields stand on the entry";
      if (toText(signed.required_version ?? null) !== toText(act.required_version ?? null)) return "another version was required";
      const own = signed.own ?? null;
      const there = pick(act, (name) => !["name", "fields", "required_version"].includes(name));
      if (toText(there) !== toText(own === null ? {} : shownOwn(own))) return "another own signature stands on the entry";
      const free = pick(fields, (name) => !Object.hasOwn(facts, name));
      said = Object.keys(free).length ? { act: free } : {};
      if (said.act && own !== null) said.salt = own.salt;
    } catch (error) {
      if (error instanceof NoBundle) return `it does not read: ${error.message}`;
      throw error;
    }
    return told.particulars !== null && toText(told.particulars) !== toText(said) ? "other particulars stand on the entry" : null;
  }

  async unsigned(line, group, refusal) {
    let said;
    try {
      said = fromJson(BYTES.encode(line.signed));
    } catch (error) {
      if (error instanceof NoBundle) return "it is not canonical JSON";
      throw error;
    }
    if (!hasExactly(said, SIGNED) || !isObject(said.fields)) return "its members";
    const by = before(line.id, "/"), fields = said.fields;
    const there = ["accord", "act", "delegate", "id", "key_id", "signature"].map((name) => said[name]);
    if (toText(there) !== toText([this.accord, line.receipt.act, by, line.id, "", ""])) return "what it says of itself";
    if (!(await this.fingerprint(line, said))) return "its fingerprint";
    if (by === "clock") {
      const right = group !== null && line.id === `clock/${group[0].position}`;
      return right && said.act === "clock" && !Object.keys(fields).length ? null : "no command of the clock";
    }
    if (line.id !== `unattributed/${(await digestOf(fields)).slice(7, 39)}`) return "its id";
    let at = refusal;
    if (group !== null) {
      const told = toldBy(group);
      if (told !== null) {
        const facts = told.act.fields;
        if (!isObject(facts) || told.act.name !== said.act) return "another act stands on the entry";
        const common = pick(fields, (name) => Object.hasOwn(facts, name));
        return toText(common) === toText(facts) ? null : "other fields stand on the entry";
      }
      if (group.some((one) => one.facts === null)) return null;
      at = group.at(-1);
    }
    return at === null ? null : this.refusedSignal(at, said, fields, group !== null);
  }

  async refusedSignal(at, said, fields, grouped) {
    if (at.said.type !== "signal_refused") return "no refusal of a signal";
    if (at.event === null) return null;
    try {
      let name = said.act, payload;
      if (said.act === "unreadable_signal") {
        name = member(fields, "name") || "?";
        payload = member(fields, "payload");
        if (grouped && toText(member(at.event, "reason")) !== toText(member(fields, "reason") || "?")) return "another reason";
      } else payload = await digestOf(pick(fields, (one) => one !== "saw"));
      const there = [member(at.event, "signal"), member(at.event, "payload")];
      return toText(there) === toText([name, payload]) ? null : "another signal";
    } catch (error) {
      if (error instanceof NoBundle) return "its fields";
      throw error;
    }
  }

  /** A delegate's own signature on the act that an entry tells of. */
  async own(group) {
    const told = toldBy(group);
    if (told === null || !OWN.some((name) => Object.hasOwn(told.act, name))) return;
    const act = told.act, by = told.said.actor.delegate;
    if (!this.enrolled.get(by)?.has(String(act.key)) && this.hidden) {
      this.withheld = true;
      return;
    }
    let right = await this.ownFits(by, act, ownPart(told.said.accord, by, told.said.command, act.name, act.fields, act, act));
    if (right && told.particulars !== null) right = await fitsFree(told.particulars.act ?? {}, told.particulars.salt ?? "", act);
    if (!right) this.fails.push(`${told.said.command}: the delegate's own signature does not fit`);
  }

  async ownOnRepeat(signed) {
    const own = signed.own, wrong = "the delegate's own signature does not fit";
    if (!isObject(own)) return wrong;
    if (!this.enrolled.get(signed.delegate)?.has(String(own.key)) && this.hidden) {
      this.withheld = true;
      return null;
    }
    if (!isObject(signed.fields)) return wrong;
    // Which fields are free text is known by no entry here: some part of them fits, or none.
    for (const names of atMostTwo(Object.keys(signed.fields))) {
      const facts = pick(signed.fields, (name) => !names.includes(name));
      const free = pick(signed.fields, (name) => names.includes(name));
      const part = ownPart(signed.accord, signed.delegate, signed.id, signed.act, facts, own, signed);
      if ((await fitsFree(free, own.salt, own)) && (await this.ownFits(signed.delegate, own, part))) return null;
    }
    return wrong;
  }

  async ownFits(by, own, part) {
    const raw = this.enrolled.get(by)?.get(String(own.key));
    try {
      return raw !== undefined && (await fits(raw, unbase64(own.signature), toJson(part)));
    } catch (error) {
      if (error instanceof NoBundle) return false;
      throw error;
    }
  }
}

function ownPart(accord, delegate, id, act, fields, own, required) {
  return {
    accord, act: act ?? null, delegate, fields: fields ?? null, id, not_after: own.not_after ?? null,
    particulars: own.particulars ?? null, purpose: "entente.act/1", required_version: required.required_version ?? null,
  };
}

function* atMostTwo(names) {
  yield [];
  for (const name of names) yield [name];
  for (let i = 0; i < names.length; i++) for (let j = i + 1; j < names.length; j++) yield [names[i], names[j]];
}

function shownOwn(own) {
  need(hasExactly(own, [...OWN, "salt"]), "an own signature");
  return pick(own, (name) => OWN.includes(name) && own[name] !== null);
}

/** Whether the digest that was signed is that of the free text. */
async function fitsFree(free, salt, own) {
  let said = null;
  try {
    const empty = isObject(free) ? !Object.keys(free).length : !free;
    if (!empty) said = `sha256:${hex(await sha(unbase64(salt), toJson(free)))}`;
  } catch (error) {
    if (error instanceof NoBundle) return false;
    throw error;
  }
  return (own.particulars ?? null) === said;
}
