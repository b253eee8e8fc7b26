"""Papers about the record itself: the minutes, and the certificate by which it can be checked."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby

from activities.papers.blocks import (
    Block,
    Paper,
    Piece,
    facts,
    heading,
    lines,
    mono,
    note,
    para,
    steps,
    table,
    together,
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
                entries=w.number(len(source.lines)),
                refused=w.number(refused),
            )
        ),
        para(w["legend_follows"], style="small"),
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
                ("56pt", "38pt", 1),
                [index for index, line in enumerate(told) if line.refused],
            )
        )
    return Paper(w["title.minutes"], (*blocks, heading(w["legend"]), *_legend(source, w)))


MOST_TOGETHER = 12
"""Rows of a list that stays on one page."""


def _legend(source: Source, w: Words) -> list[Block]:
    """What the ids and codes in sentences of the record stand for; delegates that were revoked stay known."""
    a = source.state
    offices = {code: [officer.office] for code, officer in a.definition.officers.items()}
    offices |= {
        code: [w.say("of_party", office=one.office, party=party(source, one.party))]
        if one.party
        else [one.office]
        for code, one in a.delegates.items()
    }
    named = {code: [source.persons[code]] if code in source.persons else [] for code in offices}
    tags = sorted({tag for one in a.definition.documents.values() for tag in one.languages})
    parts = {
        "parties": [(code, party(source, code)) for code in a.definition.parties],
        "delegates": [(code, w.list(named[code] + offices[code])) for code in sorted(offices)],
        "conditions": [(code, terms.title) for code, terms in a.definition.conditions.items()],
        "documents": [(code, terms.title) for code, terms in a.definition.documents.items()],
        # Sentences of the record name languages by their tags, their translations by name.
        "authentic_texts": []
        if sentences(w.language)["acts"]
        else [(tag, w.term("language", tag)) for tag in tags],
    }
    blocks: list[Block] = []
    for key, rows in parts.items():
        part = (heading(w[key], 3), facts(rows))
        if rows:
            blocks += [together(*part)] if len(rows) <= MOST_TOGETHER else part
    return blocks


def certificate(source: Source, w: Words) -> Paper:
    """Tree size and root, who signs and witnesses the log, and how anybody verifies it."""
    a, bound = source.state, source.bound
    blocks: list[Block] = [
        para(
            w.say(
                "certificate_text",
                title=a.definition.title,
                size=w.number(bound.size),
                date=w.time(bound.time),
            ),
            style="large",
        ),
        facts(
            [
                (w["accord_id"], mono(bound.accord)),
                (w["opened"], w.time(a.opened_at)),
                (w["parties"], w.list(f"{party(source, code)} ({code})" for code in a.definition.parties)),
                (w["rules"], str(a.rules)),
                (w["tree_size"], w.number(bound.size)),
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
    blocks += [heading(w["times"]), *_times(source, w)]
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


def _times(source: Source, w: Words) -> list[Block]:
    """What authorities say of when the record's first entries existed; else whose clock it has."""
    times = source.log.times
    if not times:
        return [para(w["times_none"])]
    verify = "entente verify record.bundle --policy parties.policy --tsa-certificate root.pem"
    rows: list[tuple[Piece, Piece]] = [
        (
            one.authority,
            # No earlier than the token has it: what is said to have existed before a minute did so before its end.
            lines(
                w.say("time_before", position=one.size - 1, time=w.time(_minute_after(one.time))),
                mono(one.digest),
            ),
        )
        for one in times
    ]
    return [para(w["times_are"]), para(mono(verify)), facts(rows)]


def _minute_after(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)


WIDEST = 73
"""Characters of one width that the right column of facts has room for."""


def _folded(line: str) -> str:
    """A long line with a break where a word ends, so that it stays on the page; within one, where a key's part ends."""
    rows = [""]
    for word in line.split(" "):
        if rows[-1] and len(rows[-1]) + len(word) >= WIDEST:
            rows.append("")
        rows[-1] += (" " if rows[-1] else "") + word
        while len(rows[-1]) > WIDEST:
            cut = rows[-1].rfind("+", 1, WIDEST) + 1 or WIDEST
            rows[-1:] = [rows[-1][:cut], rows[-1][cut:]]
    return "\n".join(rows)
