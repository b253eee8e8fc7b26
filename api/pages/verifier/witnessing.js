// FORMAT.md, "Checkpoints, keys, witnesses": which keys and which policy count, from checkpoint to checkpoint.

class Witnessing {
  constructor(verifier, own, known, given) {
    Object.assign(this, { verifier, own, known, given, fails: verifier.fails, believed: given });
    Object.assign(this, { named: [], policies: [], hidden: false, hiddenPolicy: false, final: 0, anchored: 0, last: null, unnamed: [] });
    this.trusted = new Set(own.map((key) => key.line));
  }

  /** Take in an entry. */
  async tell(position, one) {
    if (one === null) {
      this.hidden = this.hiddenPolicy = true;
      return;
    }
    const kind = one.said.type;
    if (![...ABOUT_KEYS, "witness_policy_changed"].includes(kind)) return;
    if (one.facts === null) {
      if (ABOUT_KEYS.includes(kind)) this.hidden = true;
      else this.hiddenPolicy = true;
      return;
    }
    try {
      await this.told(position, kind, member(one.facts, "event"));
    } catch (error) {
      if (!(error instanceof NoBundle)) throw error;
      this.fails.signatures.push(`entry ${position} does not read: ${error.message}`);
    }
  }

  async told(position, kind, event) {
    if (kind === "witness_policy_changed") {
      const text = member(event, "policy");
      need(isText(text), "a policy");
      let policy = null;
      try {
        policy = await Policy.read(BYTES.encode(text));
      } catch (error) {
        if (!(error instanceof NoBundle)) throw error;
      }
      this.policies.push(policy);
    } else if (kind === "log_key_retired") {
      const retired = await readKey(member(event, "key"), [1]);
      for (const one of this.named) if (one.key.line === retired.line && one.end === null) one.end = position;
    } else {
      if (this.named.length >= 20) {
        this.fails.signatures.push("the log has had twenty keys already");
        return;
      }
      const old = await readKey(member(event, "old"), [1]), next = await readKey(member(event, "new"), [1]);
      if (!this.named.length) {
        this.named.push({ key: old, since: null, end: null });
        const lacking = this.unnamed.some(({ by }) => !isOneOf(old, by));
        if ((lacking || (!isOneOf(old, this.known) && this.last !== null)) && !this.hidden) {
          this.fails.signatures.push("a checkpoint is not signed with the key that the record says it began with");
        }
      }
      this.named.push({ key: next, since: position, end: null });
    }
  }

  /** The keys that count at a size, where the record names any. */
  counting(size) {
    const counts = ({ since, end }) => (since === null || since < size) && (end === null || size <= end);
    return this.named.filter(counts).map(({ key }) => key);
  }

  /** The keys that may have signed what was kept. */
  keysForKept(size) {
    if (!this.named.length) return this.own.length ? this.own : this.known;
    return [...this.counting(size), ...(this.hidden ? this.known : [])];
  }

  /** A checkpoint of the size that was reached. */
  async judge(one) {
    const right = same(await this.verifier.tree.root(one.size), one.root);
    if (one.origin !== this.verifier.manifest.origin || !right || one.more) {
      this.fails.consistency.push(`the checkpoint at size ${one.size} is not of this record`);
    }
    this.last = one;
    const recorded = this.policies.length ? this.policies.at(-1) : null;
    const atItsSize = this.policies.length ? recorded : (this.given ?? this.verifier.beside);
    if (this.policies.length && recorded === null) this.fails.quorum.push("the policy on the record does not read");
    const witnesses = [atItsSize, this.believed].flatMap((policy) => (policy === null ? [] : [...policy.witnesses.values()]));
    const signers = await one.signers([...this.known, ...this.named.map(({ key }) => key), ...witnesses]);
    if (signers === null) {
      this.fails.signatures.push(`a signature on the checkpoint at size ${one.size} does not fit, or nobody known signed it`);
      return;
    }
    if (this.byTheLog(one.size, signers.filter((key) => key.kind === 1)) && right) {
      this.cosigned(one.size, recorded, signers.filter((key) => key.kind === 4));
    }
  }

  byTheLog(size, by) {
    let valid = by;
    if (!this.named.length) {
      if (!by.length) {
        this.fails.signatures.push(`the checkpoint at size ${size} is not signed by its log`);
        return false;
      }
      this.unnamed.push({ size, by });
    } else {
      const counting = this.counting(size);
      valid = by.filter((key) => isOneOf(key, counting));
      if (!valid.length) {
        const names = this.named.map(({ key }) => key);
        if (!(this.hidden && by.some((key) => !isOneOf(key, names)))) {
          this.fails.signatures.push(`the checkpoint at size ${size} is signed by no key that counts there`);
        }
        return false;
      }
    }
    if (valid.some((key) => this.trusted.has(key.line))) {
      this.named.forEach(({ key }) => this.trusted.add(key.line));
      this.anchored = size;
    }
    return true;
  }

  cosigned(size, recorded, cosigners) {
    if (this.given === null || this.believed === null || this.hiddenPolicy) return;
    if (recorded !== null && recorded.asks() !== this.believed.asks()) {
      const vouched = !this.believed.satisfiedBy([]) && this.believed.satisfiedBy(cosigners);
      if (vouched || recorded.asks() === this.given.asks()) this.believed = recorded;
    }
    if (this.believed.satisfiedBy(cosigners) && !this.believed.satisfiedBy([])) this.final = size;
  }

  /** The end of the record. */
  finish() {
    const { size, manifest, beside } = this.verifier, { signatures, quorum } = this.fails;
    if (this.last === null || this.last.size !== size) signatures.push("no checkpoint commits to the whole record");
    if (this.own.length) {
      const foreign = this.unnamed.some(({ by }) => !by.some((key) => isOneOf(key, this.own)));
      if (!this.named.length && foreign && !this.hidden) signatures.push("a checkpoint is signed by none of the log's keys that you know");
      else if (this.last !== null && this.anchored !== this.last.size && !this.hidden) {
        signatures.push("the last checkpoint has no signature that you can believe");
      }
    }
    if (this.hidden) this.verifier.gap("signatures", "entries are withheld that say, or may say, which keys of the log count");
    const names = [...new Set(this.named.map(({ key }) => key.line))];
    if (names.length && !this.hidden && !sameSet([...new Set(manifest.log_keys)], names)) signatures.push("the manifest names other keys of the log than the record");
    if (beside !== null) {
      if (beside.logs.some((key) => !manifest.log_keys.includes(key.line))) signatures.push("policy.txt names a key that is not the log's");
      const recorded = this.policies.length ? this.policies.at(-1) : null;
      if (recorded !== null && !this.hiddenPolicy && recorded.asks() !== beside.asks()) quorum.push("policy.txt is another policy than the record's");
    }
    if (this.believed === null) this.verifier.gap("quorum", "no policy was given that names witnesses: nobody but the log vouches for the record");
    else if (this.hiddenPolicy) this.verifier.gap("quorum", "entries are withheld that say, or may say, which witnesses count");
    else if (this.believed.satisfiedBy([])) this.verifier.gap("quorum", "the policy that you gave asks for no witness: nobody but the log vouches for the record");
    else if (this.final !== size) quorum.push(`the quorum has not cosigned the whole record of ${size} entries; final are ${this.final}`);
  }
}
