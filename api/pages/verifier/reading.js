// FORMAT.md, "The archive": the file, its members, and the one form of JSON.

const MIB = 1024 * 1024;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BYTES = new TextEncoder();

/** The file is malformed: no bundle, and nothing else is said of it. */
class NoBundle extends Error {}

function need(condition, what) {
  if (!condition) throw new NoBundle(what);
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value) => typeof value === "string";
const isInteger = (value) => Number.isSafeInteger(value);

/** Whether an object has exactly these members. */
function hasExactly(value, names) {
  return isObject(value) && sameSet(Object.keys(value), names);
}

function sameSet(one, other) {
  const names = new Set(other);
  return one.length === names.size && one.every((name) => names.has(name));
}

/** A member that has to be there. */
function member(value, name) {
  need(isObject(value) && Object.hasOwn(value, name), `it has no ${name}`);
  return value[name];
}

/** An object of the members of another that are wanted; without a prototype, so that every name is only a name. */
function pick(value, wanted) {
  const found = Object.create(null);
  for (const name of Object.keys(value)) if (wanted(name)) found[name] = value[name];
  return found;
}

function decoded(content, what = "text") {
  try {
    return UTF8.decode(content);
  } catch {
    throw new NoBundle(`${what} is not UTF-8`);
  }
}

function unbase64(text, what = "base64") {
  need(isText(text) && /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, what);
  let raw;
  try {
    raw = atob(text);
  } catch {
    throw new NoBundle(what);
  }
  const found = Uint8Array.from(raw, (c) => c.charCodeAt(0));
  need(base64(found) === text, what);
  return found;
}

function base64(content) {
  let raw = "";
  for (const byte of content) raw += String.fromCharCode(byte);
  return btoa(raw);
}

const hex = (content) => Array.from(content, (byte) => byte.toString(16).padStart(2, "0")).join("");
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

function joined(...parts) {
  const found = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    found.set(part, at);
    at += part.length;
  }
  return found;
}

async function sha(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

/** Canonical JSON of a value that fromJson gave. */
function toText(value) {
  if (Array.isArray(value)) return `[${value.map(toText).join(",")}]`;
  if (isObject(value)) {
    return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${toText(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

const toJson = (value) => BYTES.encode(toText(value));

function plain(value) {
  if (Array.isArray(value)) value.forEach(plain);
  else if (isObject(value)) {
    for (const name of Object.keys(value)) {
      need(/^[\x00-\x7f]*$/.test(name), "a key that is not ASCII");
      plain(value[name]);
    }
  } else if (isText(value)) need(value.isWellFormed(), "a text that UTF-8 cannot carry");
  else need(value === null || typeof value === "boolean" || isInteger(value), "a float, or a number that is too large");
}

/** The value of canonical JSON, which has one form. */
function fromJson(content) {
  const text = decoded(content, "JSON");
  let value, again;
  try {
    value = JSON.parse(text);
    plain(value);
    again = toText(value);
  } catch (error) {
    if (error instanceof NoBundle) throw error;
    throw new NoBundle("no JSON");
  }
  need(again === text, "JSON that is not canonical");
  return value;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc32(content) {
  let c = 0xffffffff;
  for (const byte of content) c = CRC[(c ^ byte) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

/** What comes of a deflated member, which has to end where the member ends; never more of it than it may have. */
async function inflated(raw, size) {
  const reader = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const found = new Uint8Array(size);
  let at = 0;
  for (;;) {
    let step;
    try {
      step = await reader.read();
    } catch {
      throw new NoBundle("a member that does not unpack, or has bytes after its end");
    }
    if (step.done) break;
    if (at + step.value.length > size) {
      await reader.cancel().catch(() => {});
      throw new NoBundle("a member that is longer than it says");
    }
    found.set(step.value, at);
    at += step.value.length;
  }
  need(at === size, "a damaged member");
  return found;
}

/** The members of the archive by name. Every byte of the file is accounted for. */
class Archive {
  static async read(data) {
    const archive = new Archive();
    archive.content = new Map();
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const mark = (at, text) => at >= 0 && at + 4 <= data.length && latin1(data.subarray(at, at + 4)) === text;
    let end = data.length - 22;
    need(mark(end, "PK\x05\x06"), "it is no zip archive, or something follows it");
    const at16 = (at) => view.getUint16(at, true);
    const at32 = (at) => view.getUint32(at, true);
    const at64 = (at) => {
      const value = view.getBigUint64(at, true);
      need(value <= BigInt(Number.MAX_SAFE_INTEGER), "a size that is too large");
      return Number(value);
    };
    let [disk, first, here, count] = [4, 6, 8, 10].map((by) => at16(end + by));
    let [length, start] = [12, 16].map((by) => at32(end + by));
    need(disk === 0 && first === 0 && at16(end + 20) === 0 && here === count, "it is in several parts");
    if (count === 0xffff || length === 0xffffffff || start === 0xffffffff) {
      const record = end - 76;
      need(mark(record, "PK\x06\x06"), "no zip64 record");
      need(at64(record + 4) === 44 && at32(record + 16) === 0 && at32(record + 20) === 0, "zip64 record");
      [here, count, length, start] = [24, 32, 40, 48].map((by) => at64(record + by));
      need(here === count, "zip64 record");
      const locator = record + 56;
      need(mark(locator, "PK\x06\x07") && at32(locator + 4) === 0, "zip64 locator");
      need(at64(locator + 8) === record && at32(locator + 16) === 1, "zip64 locator");
      end = record;
    }
    need(length <= 64 * MIB && start + length === end, "table of contents");
    const wide = (begin, size, values) => {
      if (!size) return values;
      need(size >= 4 && at16(begin) === 1 && at16(begin + 2) === size - 4, "an extra field");
      const places = values.flatMap((value, index) => (value === 0xffffffff ? [index] : []));
      need(size - 4 === 8 * places.length, "an extra field");
      const found = [...values];
      places.forEach((place, index) => { found[place] = at64(begin + 4 + 8 * index); });
      return found;
    };
    let at = start, follows = 0;
    for (let n = 0; n < count; n++) {
      need(at + 46 <= end && mark(at, "PK\x01\x02"), "table of contents");
      const [flags, method] = [at16(at + 8), at16(at + 10)];
      const crc = at32(at + 16);
      const [names, extras, comments] = [28, 30, 32].map((by) => at16(at + by));
      need(at16(at + 34) === 0 && at16(at + 36) <= 1 && comments === 0, "table of contents");
      need(at + 46 + names + extras <= end, "table of contents");
      const name = data.subarray(at + 46, at + 46 + names);
      const [unpacked, packed, offset] = wide(at + 46 + names, extras, [at32(at + 24), at32(at + 20), at32(at + 42)]);
      at += 46 + names + extras;
      need(flags === 0 && (method === 0 || method === 8) && name.every((c) => c < 128), "flags, method or name");
      need(offset === follows, "bytes between members");
      // The local header says the same.
      need(offset + 30 <= data.length && mark(offset, "PK\x03\x04"), "a local header");
      const begins = offset + 30 + at16(offset + 26), more = at16(offset + 28);
      need(begins + more <= data.length, "a local header");
      const told = wide(begins, more, [at32(offset + 22), at32(offset + 18), 0]);
      need(at16(offset + 6) === 0 && at16(offset + 8) === method && at32(offset + 14) === crc, "two words on a member");
      need(told[0] === unpacked && told[1] === packed, "two words on a member");
      need(same(data.subarray(offset + 30, begins), name), "two names of a member");
      follows = begins + more + packed;
      need(follows <= start, "a member that is cut short");
      const text = latin1(name);
      need(!archive.content.has(text), "a member twice");
      need(method === 8 || packed === unpacked, "a damaged member");
      need(unpacked <= 4096 * MIB, "a member that is too large for a browser");
      const raw = data.subarray(begins + more, follows);
      const content = method === 0 ? raw : await inflated(raw, unpacked);
      need(crc32(content) === crc, "a damaged member");
      archive.content.set(text, content);
    }
    need(at === end && follows === start, "bytes between members and table of contents");
    return archive;
  }

  /** A member of at most 1 MiB. */
  text(name) {
    need(this.content.get(name).length <= MIB, `${name} is too long`);
    return this.content.get(name);
  }

  /** The objects in a member's lines. */
  lines(name) {
    const content = this.content.get(name), found = [];
    let at = 0;
    while (at < content.length) {
      const end = content.indexOf(10, at);
      need(end >= 0 && end - at <= 16 * MIB, `lines of ${name}`);
      const value = fromJson(content.subarray(at, end));
      need(isObject(value), `lines of ${name}`);
      found.push(value);
      at = end + 1;
    }
    return found;
  }
}

function latin1(content) {
  let text = "";
  for (const byte of content) text += String.fromCharCode(byte);
  return text;
}

/** The paths of all tiles of a tree: to each its level ("entries" too), index and width. */
function tilesOf(size) {
  const found = new Map();
  const levels = [];
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / 256)) levels.push([String(level), count]);
  for (const [level, count] of [...levels, ["entries", size]]) {
    for (let index = 0; index < Math.ceil(count / 256); index++) {
      const width = Math.min(256, count - 256 * index), number = String(index);
      const digits = number.padStart(Math.ceil(Math.max(number.length, 3) / 3) * 3, "0");
      const parts = digits.match(/.../g);
      const name = [...parts.slice(0, -1).map((part) => `x${part}`), parts.at(-1)].join("/");
      found.set(`tile/${level}/${name}${width === 256 ? "" : `.p/${width}`}`, { level, index, width });
    }
  }
  return found;
}
