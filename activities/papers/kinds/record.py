"""Papers about the record itself: the minutes, and the certificate by which it can be checked."""

from __future__ import annotations

from itertools import groupby

from activities.papers.blocks import (
    Block,
    Paper,
    facts,
    heading,
    lines,
    mono,
    note,
    para,
    steps,
    table,
)
from activities.papers.people import party
from activities.papers.sentences import says, sentences
from activities.papers.source import Source
from activities.papers.words import ENGLISH, Words


def minutes(source: Source, w: Words) -> Paper:
    """Every entry in its order, refusals marked as such; day by day."""
    refused = sum(line.refused for line in source.lines)
    blocks: list[Block] = [
        para(
            w.say(
                "minutes_span",
                first=w.date(source.lines[0].time),
                last=w.date(source.bound.time),
                entries=len(source.lines),
                refused=refused,
            )
        )
    ]
    if w.language != ENGLISH:
        translated = bool(sentences(w.language)["acts"])
        said = w["record_is_translated"] if translated else w["record_is_english"]
        blocks.append(para(said, style="small"))
    for _, of_day in groupby(source.lines, key=lambda line: line.time.date()):
        told = list(of_day)
        blocks.append(heading(w.date(told[0].time)))
        blocks.append(
            table(
                (w["entry"], "UTC", w["what"]),
                [(str(line.position), f"{line.time:%H:%M}", says(line, w)) for line in told],
                ("46pt", "38pt", 1),
                [index for index, line in enumerate(told) if line.refused],
            )
        )
    return Paper(w["title.minutes"], tuple(blocks))


def certificate(source: Source, w: Words) -> Paper:
    """Tree size and root, who signs and witnesses the log, and how anybody verifies it."""
    a, bound = source.state, source.bound
    blocks: list[Block] = [
        para(
            w.say("certificate_text", title=a.definition.title, size=bound.size, date=w.time(bound.time)),
            style="large",
        ),
        facts(
            [
                (w["accord_id"], mono(bound.accord)),
                (w["opened"], w.time(a.opened_at)),
                (w["parties"], w.list(f"{party(source, code)} ({code})" for code in a.definition.parties)),
                (w["rules"], str(a.rules)),
                (w["tree_size"], str(bound.size)),
                (w["root"], mono(bound.root)),
                (w["last_entry"], w.say("entry_at", position=bound.position, time=w.time(bound.time))),
                (w["leaf"], mono(bound.leaf)),
                (w["state_digest"], mono(bound.state)),
                (w["definition_digest"], mono(a.definition_digest)),
            ]
        ),
        heading(w["keys_of_log"]),
    ]
    recorded = [one.key for one in a.log_keys if one.counts_at(bound.size)]
    keys = recorded or list(source.log.keys)
    blocks.append(para(w["keys_on_record"] if recorded else w["keys_told"], style="small"))
    blocks.append(facts((w["key"], mono(_folded(one))) for one in keys) if keys else para(w["keys_none"]))
    if source.log.commands:
        blocks += [
            heading(w["keys_of_commands"]),
            facts((w["key"], mono(one)) for one in source.log.commands),
        ]
    blocks.append(heading(w["witnesses"]))
    policy = a.witness_policy.text or source.log.policy
    witnesses = [line for line in policy.splitlines() if line.split(" ")[0] in ("witness", "group", "quorum")]
    blocks.append(facts((w["policy_line"], mono(_folded(one))) for one in witnesses))
    if not any(line.startswith("witness ") for line in witnesses):
        blocks.append(note(w["no_witnesses"]))
    own = [(delegate, key) for delegate, keys_of in a.keys.items() for key in keys_of]
    if own:
        blocks.append(heading(w["keys_of_delegates"]))
        rows = [
            (
                delegate,
                mono(key.public_key),
                w.say("enrolled", position=key.enrolled)
                + (f"; {w.say('revoked', position=key.revoked)}" if key.revoked is not None else ""),
            )
            for delegate, key in own
        ]
        blocks.append(table((w["delegate"], w["key"], w["stands"]), rows, (2, 4, 2)))
    blocks += [
        heading(w["how_to_verify"]),
        steps(
            [
                lines(w["verify_1"], mono(f"entente export {bound.accord} -o record.bundle")),
                lines(w["verify_2"], mono("entente verify record.bundle --policy parties.policy")),
                lines(w["verify_3"], mono(bound.root)),
            ]
        ),
        para(w["proves_what"]),
    ]
    return Paper(w["title.certificate"], tuple(blocks))


def _folded(line: str) -> str:
    """A long line with a break where a word ends, so that it stays on the page."""
    if len(line) <= 78:
        return line
    words, rows = line.split(" "), [""]
    for word in words:
        if rows[-1] and len(rows[-1]) + len(word) > 76:
            rows.append("  ")
        rows[-1] += (" " if rows[-1].strip() else "") + word
    return "\n".join(rows)
