"""The catalogues of the languages, brought up to date: ``python -m worker.reference.messages``, or ``make messages``.

Messages come from the templates and scripts, from the declarations of acts and fields, and from the sentences of the
model. A new message stands in every catalogue without words until somebody puts it into that language; until then that
language is not offered. One that nothing says any more is left out.
"""

from __future__ import annotations

import sys
import tomllib
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from activities.languages.catalogues import ENGLISH, NAMES, catalogue, file_of, translated
from activities.languages.names import TONGUES
from activities.languages.prose import CONTEXT
from api.answers.problems import TABLE
from api.pages.forms import HINTS, declared_fields, label_of
from api.pages.verifying import shown_words
from api.pages.words import CANNOT_BE_UNDONE, STATUSES, all_guarded
from worker.reference.prose import guard_names, messages, problems
from workflows.model.declared import ACTS
from workflows.model.rules import GATES
from workflows.model.vocabulary import VOCABULARIES, phrase, reworded

ROOT = Path(__file__).parent.parent.parent

KEYWORDS = {
    "_": None,
    "gettext": None,
    "noted": None,
    "said": None,
    "_said": None,
    "say": None,
    "ngettext": (1, 2),
    "counted": (1, 2),
    "pgettext": ((1, "c"), 2),
}


def template() -> Catalog:
    """Every message, in English, with the files that say it."""
    made = Catalog(fuzzy=False)
    for mapping in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["babel"][
        "mappings"
    ]:
        options = {
            key: str(value).lower() for key, value in mapping.items() if key not in ("method", "pattern")
        }
        for file in sorted(one for pattern in mapping["pattern"] for one in ROOT.glob(pattern)):
            found = extract_from_file(
                mapping["method"], file, KEYWORDS, ("For translators:",), options, strip_comment_tags=True
            )
            place = file.relative_to(ROOT).as_posix()
            for _, message, comments, context in found:
                made.add(message, locations=[(place, 0)], auto_comments=comments, context=context)
    for kind, text, source in _declared():
        made.add(text, locations=[(source, 0)], context=kind or None)
    return made


def _declared() -> list[tuple[str, str, str]]:
    """What is said by declarations: context, message, file."""
    found: list[tuple[str, str, str]] = []
    for act in ACTS.values():
        file = act.__module__.replace(".", "/") + ".py"
        for vocabulary in VOCABULARIES:
            found.append(("act", act.phrase(vocabulary).capitalize(), file))
            found.append(("act", reworded(act.text(), vocabulary), file))
    for field, hint in declared_fields():
        found.append(("field", label_of(field), "api/pages/forms.py"))
        if hint and field not in HINTS:
            found += [("field", one, "api/pages/forms.py") for one in _by_each(hint)]
    found += [("field", one, "api/pages/forms.py") for hint in HINTS.values() for one in _by_each(hint)]
    found += [("", one, "api/pages/words.py") for said in CANNOT_BE_UNDONE.values() for one in _by_each(said)]
    found += [("", one, "api/pages/verifier/page.html") for one in shown_words()]
    found += [("language", one, "activities/languages/names.py") for one in TONGUES]
    for kind, values in STATUSES.items():
        found += [(kind, one.replace("_", " "), "api/pages/words.py") for one in values]
    for name, words in VOCABULARIES.items():
        found += [(name, one, f"workflows/model/vocabularies/{name}.py") for one in words.values()]
    found += [("guarded", one, "api/pages/words.py") for one in all_guarded()]
    found += [("gate", one, "workflows/model/rules.py") for said in GATES.values() for one in _by_each(said)]
    found += [("problem", title, "api/answers/problems.py") for _, title in TABLE.values()]
    for name, file in guard_names(ROOT).items():
        found += [("guard", phrase(one, name), file) for one in VOCABULARIES]
    found += [(CONTEXT, one, file) for one, file in {**messages(ROOT), **problems(ROOT)}.items()]
    return found


def _by_each(text: str) -> list[str]:
    """A text of our own as each vocabulary says it."""
    return [reworded(text, one) for one in VOCABULARIES]


def updated(language: str, messages_: Catalog) -> Catalog:
    """The catalogue of a language with the messages there are now, and the words that it has for them."""
    there = catalogue(language) if file_of(language).exists() else Catalog(locale=language)
    made = Catalog(
        locale=language, project="Entente", version="", copyright_holder="", charset="utf-8", fuzzy=False
    )
    made.header_comment = f"# {NAMES[language]}: what Entente says. Brought up to date by `make messages`."
    for message in messages_:
        if message.id:
            before = there.get(
                message.id[0] if isinstance(message.id, tuple) else message.id, message.context
            )
            string = before.string if before is not None and before.id == message.id else None
            made.add(
                message.id,
                string,
                locations=message.locations,
                flags=(before.flags & {"fuzzy"}) if before is not None else (),
                auto_comments=message.auto_comments,
                context=message.context,
            )
    return made


def written(made: Catalog) -> bytes:
    """A catalogue as its file has it: by file and message, without the lines and dates that change for nothing."""
    out = BytesIO()
    write_po(out, made, width=110, include_lineno=False, sort_by_file=True, omit_header=False)
    kept = [
        line
        for line in out.getvalue().decode().split("\n")
        if not line.startswith(
            ('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By', '"Last-Translator')
        )
    ]
    return "\n".join(kept).encode()


def main() -> None:
    """Bring every catalogue up to date, and say what is missing."""
    now = template()
    lacking = 0
    for language in NAMES:
        if language == ENGLISH:
            continue
        made = updated(language, now)
        file_of(language).parent.mkdir(parents=True, exist_ok=True)
        file_of(language).write_bytes(written(made))
        missing = sum(not translated(one) for one in made if one.id)
        lacking += missing
        sys.stdout.write(f"{language}: {len(made)} messages, {missing} without words\n")
    if lacking:
        sys.stdout.write("A language is offered once none is missing: see deploy/docs/languages.md.\n")


if __name__ == "__main__":
    main()
