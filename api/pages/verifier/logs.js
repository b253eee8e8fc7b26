// RFC 9162 trees, C2SP signed notes, checkpoints, cosignatures and policies, as far as FORMAT.md needs them.

/** Roots of all prefixes of a list of leaves; whole subtrees are kept. */
class Tree {
  constructor(leaves) {
    this.leaves = leaves;
    this.whole = new Map();
  }

  async root(size, start = 0) {
    if (size <= 1) return size ? this.leaves[start] : sha();
    const place = `${start}+${size}`;
    let found = this.whole.get(place);
    if (found === undefined) {
      let half = 1;
      while (2 * half < size) half *= 2;
      const [left, right] = [await this.root(half, start), await this.root(size - half, start + half)];
      found = await sha(Uint8Array.of(1), left, right);
      this.whole.set(place, found);
    }
    return found;
  }
}

/** RFC 9162, section 2.1.3.2. */
async function included(leaf, index, size, proof, expected) {
  let at = BigInt(index), last = BigInt(size) - 1n, found = leaf;
  for (const one of proof) {
    if (last === 0n) return false;
    if (at & 1n || at === last) {
      found = await sha(Uint8Array.of(1), one, found);
      while (at && !(at & 1n)) [at, last] = [at >> 1n, last >> 1n];
    } else found = await sha(Uint8Array.of(1), found, one);
    [at, last] = [at >> 1n, last >> 1n];
  }
  return last === 0n && same(found, expected);
}

const IMPORTED = new Map();

/** Whether an Ed25519 signature fits (RFC 8032), by the browser's own cryptography. */
async function fits(raw, signature, message) {
  const id = hex(raw);
  if (!IMPORTED.has(id)) {
    IMPORTED.set(id, crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]).catch(() => null));
  }
  const key = await IMPORTED.get(id);
  return key !== null && signature.length === 64 && crypto.subtle.verify("Ed25519", key, signature, message).catch(() => false);
}

function named(name) {
  need(name && !/[+\p{Cc}\p{Cs}\p{Zs}\u2028\u2029]/u.test(name), "the name of a key");
}

/** A verifier key: type 1 is a log's, type 4 a witness's. Two are one where their lines are. */
async function readKey(line, kinds = [1, 4]) {
  need(isText(line), "a key");
  const plus = line.indexOf("+");
  const [name, rest] = plus < 0 ? [line, ""] : [line.slice(0, plus), line.slice(plus + 1)];
  const next = rest.indexOf("+");
  const [digits, encoded] = next < 0 ? [rest, ""] : [rest.slice(0, next), rest.slice(next + 1)];
  named(name);
  const raw = unbase64(encoded, "a key");
  need(raw.length === 33, "a key");
  need(kinds.includes(raw[0]), "the type of a key");
  const id = hex((await sha(BYTES.encode(`${name}\n`), raw)).subarray(0, 4));
  need(id === digits, "the id of a key");
  return { name, kind: raw[0], raw: raw.subarray(1), id, line };
}

async function signedBy(key, text, signature) {
  if (key.kind === 1) return fits(key.raw, signature, BYTES.encode(text));
  if (signature.length !== 72) return false;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (time >= 2n ** 63n) return false;
  return fits(key.raw, signature.subarray(8), BYTES.encode(`cosignature/v1\ntime ${time}\n${text}`));
}

function unique(keys) {
  return [...new Map(keys.map((key) => [key.line, key])).values()];
}

const isOneOf = (key, keys) => keys.some((one) => one.line === key.line);

/** A checkpoint as a signed note. */
class Note {
  static read(content) {
    need(content.length <= 1_000_000, "a note that is too long");
    const whole = decoded(content, "a note"), gap = whole.lastIndexOf("\n\n");
    need(gap >= 0, "a note");
    const text = whole.slice(0, gap + 1), below = whole.slice(gap + 2);
    need(below.endsWith("\n"), "a note");
    need(!/[\x00-\x09\x0b-\x1f]/.test(text), "a control character");
    const lines = below.split("\n").slice(0, -1);
    need(lines.length >= 1 && lines.length <= 100, "the signatures of a note");
    const note = new Note();
    note.text = text;
    note.signatures = lines.map((line) => {
      need(line.startsWith("— "), "a signature line");
      const said = line.slice(2), space = said.indexOf(" ");
      need(space >= 0, "a signature line");
      named(said.slice(0, space));
      const raw = unbase64(said.slice(space + 1), "a signature");
      need(raw.length >= 5, "a signature");
      return { name: said.slice(0, space), id: hex(raw.subarray(0, 4)), content: raw.slice(4) };
    });
    const [origin, ...rest] = text.split("\n").slice(0, -1);
    need(rest.length >= 2 && origin && rest.every(Boolean), "a checkpoint");
    need(/^(0|[1-9][0-9]{0,18})$/.test(rest[0]) && BigInt(rest[0]) < 2n ** 63n, "a size");
    note.origin = origin;
    note.size = Number(rest[0]);
    note.root = unbase64(rest[1], "a root");
    need(note.root.length === 32 && (note.size > 0 || hex(note.root).startsWith("e3b0c44298fc1c14")), "a root");
    note.more = rest.length > 2;
    return note;
  }

  /** Those of the keys that signed; none where one of their signatures does not fit, or there is none. */
  async signers(keys) {
    const found = [];
    for (const signature of this.signatures) {
      const own = unique(keys).filter((key) => key.name === signature.name && key.id === signature.id);
      const fitting = [];
      for (const key of own) if (await signedBy(key, this.text, signature.content)) fitting.push(key);
      if (own.length && !fitting.length) return null;
      found.push(...fitting);
    }
    return found.length ? found : null;
  }
}

/** A C2SP policy. */
class Policy {
  static async read(content) {
    const text = latin1(content);
    need(!/[\x00-\x08\x0b-\x1f\x7f]/.test(text), "a policy holds a control character");
    const lines = text.split("\n");
    need(lines.pop() === "" && lines.length <= 1000, "a policy does not end in a newline");
    const policy = new Policy();
    Object.assign(policy, { logs: [], witnesses: new Map(), groups: new Map(), quorum: null });
    const taken = new Set();
    const isThere = (name) => policy.witnesses.has(name) || policy.groups.has(name);
    const publicKeys = (keys) => new Set(keys.map((key) => hex(key.raw))).size;
    const utf8 = (word) => decoded(Uint8Array.from(word, (c) => c.charCodeAt(0)), "the name of a key");
    for (const line of lines) {
      const words = line.split(/[ \t]+/).filter(Boolean);
      if (!words.length || words[0].startsWith("#")) continue;
      const [kind, ...said] = words;
      const fresh = said.length > 0 && said[0] !== "none" && !isThere(said[0]);
      if (kind === "log" && (said.length === 1 || said.length === 2)) {
        policy.logs.push(await readKey(utf8(said[0]), [1]));
        need(publicKeys(policy.logs) === policy.logs.length, "a log twice");
      } else if (kind === "witness" && (said.length === 2 || said.length === 3)) {
        need(fresh, "a name twice");
        policy.witnesses.set(said[0], await readKey(utf8(said[1]), [4]));
        need(publicKeys([...policy.witnesses.values()]) === policy.witnesses.size, "a witness twice");
      } else if (kind === "group" && said.length > 2) {
        need(fresh, "a name twice");
        const members = said.slice(2);
        for (const one of members) {
          need(isThere(one) && !taken.has(one), "the member of a group");
          taken.add(one);
        }
        const least = { all: String(members.length), any: "1" }[said[1]] ?? said[1];
        need(/^[1-9][0-9]{0,18}$/.test(least) && BigInt(least) <= BigInt(members.length), "a threshold");
        policy.groups.set(said[0], { least: Number(least), members });
      } else if (kind === "quorum" && said.length === 1) {
        need(policy.quorum === null && (said[0] === "none" || isThere(said[0])), "a quorum");
        policy.quorum = said[0];
      } else need(false, `a line of a policy: ${line.slice(0, 80)}`);
    }
    need(policy.quorum !== null, "a policy has no quorum");
    return policy;
  }

  /** What makes it another policy than another one. */
  asks() {
    const witnesses = [...this.witnesses].map(([name, key]) => `${name} ${key.line}`).sort();
    const groups = [...this.groups].map(([name, one]) => `${name} ${one.least} ${one.members.join(" ")}`).sort();
    return JSON.stringify([witnesses, groups, this.quorum]);
  }

  satisfiedBy(cosigners) {
    const met = new Set(["none"]);
    for (const [name, key] of this.witnesses) if (isOneOf(key, cosigners)) met.add(name);
    for (const [name, one] of this.groups) {
      if (one.members.filter((each) => met.has(each)).length >= one.least) met.add(name);
    }
    return met.has(this.quorum);
  }
}
