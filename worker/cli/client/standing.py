"""How an accord stands, for people: the ladder, what is missing, then everything with its digests, dates and place.

A digest is never folded by us: whoever needs it can copy it in one piece.
"""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from worker.cli.client.show import Said, date, joined, ladder, marks, show_unmet, signed_line, table, time
from workflows.model.vocabulary import in_sentence, word
from workflows.model.wording import counted


def show_accord(out: Console, said: Said, as_of: str | None = None) -> None:
    """How an accord stands; cleared status only for an observer."""
    vocabulary = said["vocabulary"]
    out.print(Text(said["title"], style="bold"))
    out.print(said["accord"], soft_wrap=True)
    out.print(Text(marks(said), style="dim"))
    if as_of is not None:
        out.print(Text(f"as of {as_of}: entry {said['size'] - 1} of the record", style="yellow"))
    out.print(Padding(ladder(vocabulary, said["stage"]), (1, 0, 1, 2)))
    if said.get("terminated_because"):
        out.print(f"{word(vocabulary, 'terminated')}: {said['terminated_because']}")
    if said["cleared"]:
        _show_gates(out, said)
        return
    _show_missing(out, said)
    _show_conditions(out, said)
    _show_documents(out, said)
    _show_rest(out, said)


def show_finality(out: Console, said: Said) -> None:
    """How much of the record is final, by which witnesses; and before when it existed, by whom outside."""
    out.print()
    final = said["final"]
    if final is not None:
        later = said["size"] - final["size"]
        waits = (
            f"; {counted(later, 'later entry waits', 'later entries wait')} for the witnesses"
            if later
            else ""
        )
        out.print(signed_line("✓", f"final: {counted(final['size'], 'entry', 'entries')}{waits}"))
        for one in final["witnesses"]:
            out.print(f"    cosigned by {one['name']} at {time(one['time'])}", soft_wrap=True)
    elif not said["signed"]:
        out.print(signed_line("…", "final: nothing; this installation signs no checkpoints"))
    elif said["witnesses_named"]:
        out.print(signed_line("…", "final: nothing yet; the witnesses have not cosigned"))
    else:
        out.print(signed_line("…", "final: nobody is named to witness this record (propose-witness-policy)"))
    for one in said["times"]:
        entries = counted(one["size"], "entry", "entries")
        out.print(
            f"    the first {entries} existed before {time(one['time'])}, by the authority {one['by']}",
            soft_wrap=True,
        )
    if not said["times"]:
        out.print("    times are by the installation's clock; no authority outside has stamped a checkpoint")


def _show_missing(out: Console, said: Said) -> None:
    if said["closed"] or said["terminated"]:
        out.print("Nothing is open any more.")
    elif not said["blocking"]:
        out.print("✓ Nothing blocks the next stage.")
    else:
        show_unmet(out, said["blocking"], "What is missing for the next stage")


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text[:1].upper() + text[1:], style="bold"))


def _digest(out: Console, digest: str, about: str) -> None:
    out.print(Padding(Text(about, style="dim"), (0, 0, 0, 4)))
    out.print(Text(f"    {digest}", style="dim"), soft_wrap=True)


def _show_conditions(out: Console, said: Said) -> None:
    if not said["conditions"]:
        return
    vocabulary = said["vocabulary"]
    _heading(out, word(vocabulary, "conditions"))
    for code, one in said["conditions"].items():
        stands = one["status"].replace("_", " ") + (", questioned" if one["questioned"] else "")
        late = "overdue, escalated" if one["escalated"] else "overdue" if one["overdue"] else ""
        next_ = "" if one["satisfied"] else ", ".join(one["owed_by"])
        about = joined(
            stands + (f" ({late})" if late else ""),
            f"for {in_sentence(vocabulary, 'visit') if one['gate'] == 'visit' else one['gate']}",
            f"due {date(one['due'])}" if one["due"] else "",
            f"owed by {' + '.join(one['obligors'])}",
            f"next: {next_}" if next_ else "",
        )
        out.print(signed_line("✓" if one["satisfied"] else "✗", f"{code} {one['title']}", about))
        for evidence in one["evidence"]:
            told = joined(
                evidence["source"], evidence["grade"], f"by {evidence['by']}, {time(evidence['at'])}"
            )
            _digest(out, evidence["digest"], f"evidence: {told}")
        verdict = one["verdict"]
        if verdict:
            until = f"until {time(verdict['valid_until'])}" if verdict["valid_until"] else "without end"
            by = ", ".join(verdict["verifiers"])
            out.print(
                Padding(Text(f"verdict: by {by}, {time(verdict['at'])}, {until}", style="dim"), (0, 0, 0, 4))
            )


def _show_documents(out: Console, said: Said) -> None:
    if not said["documents"]:
        return
    _heading(out, word(said["vocabulary"], "documents"))
    for code, one in said["documents"].items():
        next_ = ", ".join(one["owed_by"])
        about = joined(
            one["status"].replace("_", " "),
            ", ".join(one["languages"]),
            f"in force since {date(one['in_force_at'])}" if one["in_force_at"] else "",
            f"next: {next_}" if next_ else "",
        )
        missing = f"missing: {one['next_step']}" if one["next_step"] else ""
        out.print(signed_line("✓" if one["ready"] else "✗", f"{code} {one['title']}", about, missing))
        if one["digest"]:
            _digest(out, one["digest"], "the document")
        for language, text in one["texts"].items():
            agreed = "agreed" if text["agreed"] else "not agreed"
            _digest(out, text["digest"], f"text {language}: version {text['number']}, {agreed}")
            if text["amendment"]:
                _digest(out, text["amendment"], f"text {language}: its amendment, not agreed")
        for name, seat in one["seats"].items():
            if seat["signature"]:
                signed = seat["signature"]
                told = f"seat {name}: signed by {signed['holder']}, {time(signed['at'])}, {signed['status']}"
                out.print(Padding(Text(told, style="dim"), (0, 0, 0, 4)))


def _window(window: Said) -> str:
    return f"{time(window['begins'])} – {time(window['ends'])}, {window['place']}"


def _show_rest(out: Console, said: Said) -> None:
    vocabulary = said["vocabulary"]
    out.print()
    grid = Table.grid(padding=(0, 2))
    understanding, visit = said["understanding"], said["visit"]
    pairs = [
        (word(vocabulary, "invitation"), said["invitation"]["status"].replace("_", " ")),
        (word(vocabulary, "understanding"), understanding["status"].replace("_", " ")),
        (word(vocabulary, "visit"), visit["status"].replace("_", " ")),
    ]
    window = visit["window"] or said["window"]
    if window:
        pairs.append(("dates and place", _window(window)))
    if visit["proposed"]:
        pairs.append(("proposed", _window(visit["proposed"])))
    pairs += [("deadline", one["says"]) for one in said["deadlines"][:3]]
    pairs.append(("record", f"{counted(said['size'], 'entry', 'entries')}, version v{said['version']}"))
    for label, text in pairs:
        grid.add_row(Text(label[:1].upper() + label[1:], style="bold"), text)
    out.print(grid)
    for one in said["consents"]:
        given, missing = ", ".join(one["given"]), ", ".join(one["missing"])
        told = joined(f"given by {given}" if given else "", f"waits for {missing or 'nobody'}")
        out.print(signed_line("…", f"{one['says']}: {told}"))
        out.print(Text(f"    {one['digest']}", style="dim"), soft_wrap=True)
    name = f"the {in_sentence(vocabulary, 'understanding')}"
    digests = [
        (f"{name} that waits for concurrence", understanding["pending"]),
        (name, understanding["digest"]),
        ("the set that a consent to release names", said["release_digest"]),
        ("the amendment that waits for adoption", said["amendment_digest"]),
        ("the definition" + ("" if said["founded"] else ", to be adopted"), said["definition_digest"]),
    ]
    named = [one["digest"] for one in said["consents"]]
    for label, digest in digests:
        if digest and digest not in named:
            _digest(out, digest, label)


def _show_gates(out: Console, said: Said) -> None:
    rows = table("", "gate", "opens", "unmet", title="Gates (cleared status only)")
    for name, one in said["gates"].items():
        rows.add_row("✓" if one["open"] else "✗", name, one["says"], str(sum(one["guards"].values())))
    out.print(rows)
