"""Signing by a process of its own: a large paper takes seconds, for which a server's other requests must not wait.

The child is told by what to sign as JSON on its standard input, which nobody else reads, and answers with JSON. The
paper goes there and back by files without a name: a pipe takes a second for a large one, and when a process is killed
nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from activities.papers.children import child
from activities.papers.pades.keys import Key, KeyFile, Signing, SigningProblem, TokenKey

LONGEST: Final = 60.0
"""Seconds that signing may take: a paper of 64 MiB takes some six, and a time-stamp authority has twenty."""


async def sign_apart(paper: IO[bytes], signing: Signing, reason: str) -> IO[bytes]:
    """A PDF with one more signature, as a file without a name; ``paper``, such a file too, is how it begins.

    Raises:
        SigningProblem: it could not be signed; says what is in the way.
    """
    with ExitStack() as held:
        signed = held.enter_context(tempfile.TemporaryFile())
        # The child reads by the same position.
        paper.seek(0)
        files = {"paper": paper.fileno(), "signed": signed.fileno()}
        await _ask({"reason": reason, **files}, signing, tuple(files.values()))
        held.pop_all()
    return signed


async def holder_apart(key: Key) -> tuple[str, datetime]:
    """Whose key it is, and until when its certificate is valid. The key is opened, and is fit for signing now.

    Raises:
        SigningProblem: it is not.
    """
    told = await _ask({}, Signing(key))
    return str(told["name"]), datetime.fromisoformat(told["until"])


async def _ask(asked: dict[str, Any], signing: Signing, files: tuple[int, ...] = ()) -> dict[str, Any]:
    issuers = None if signing.issuers is None else str(signing.issuers)
    key = {"key": _told(signing.key), "authority": signing.authority, "issuers": issuers}
    told = await _answer(json.dumps({**asked, **key}).encode(), files)
    if "problem" in told:
        raise SigningProblem(told["problem"], told["remedy"])
    return told


async def _answer(job: bytes, files: tuple[int, ...]) -> dict[str, Any]:
    process = await child(__name__, whole=True, files=files)
    try:
        async with asyncio.timeout(LONGEST):
            answer, said = await process.communicate(job)
    except TimeoutError:
        raise SigningProblem(
            f"Signing took longer than {LONGEST:g} s.",
            "Look at the token and at the time-stamp authority; sign without one, or try again.",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not answer:
        raise SigningProblem(
            f"The process that signs ended with {process.returncode}: "
            f"{said.decode(errors='replace').strip()[-300:] or 'it said nothing'}.",
            "Try again; a token's module that ends its process is to be replaced.",
        )
    told: dict[str, Any] = json.loads(answer)
    return told


def _told(key: Key) -> dict[str, str | None]:
    if isinstance(key, KeyFile):
        return {"file": str(key.file), "passphrase": key.passphrase}
    return {"module": str(key.module), "key": key.key, "token": key.token, "pin": key.pin}


def _key(told: dict[str, Any]) -> Key:
    if "file" in told:
        return KeyFile(Path(told["file"]), told["passphrase"])
    return TokenKey(Path(told["module"]), told["key"], told["token"], told["pin"])


def main() -> None:
    """Do one job."""
    # What signs takes a second to load, which is for this process alone.
    from activities.papers.pades.signing import holder_of, sign

    told = json.loads(sys.stdin.buffer.read())
    key = _key(told["key"])
    try:
        if "reason" in told:
            with os.fdopen(told["paper"], "rb") as paper, os.fdopen(told["signed"], "wb") as signed:
                issuers = None if told["issuers"] is None else Path(told["issuers"])
                signed.write(sign(paper.read(), Signing(key, told["authority"], issuers), told["reason"]))
            answer = {}
        else:
            holder = holder_of(key)
            answer = {"name": holder.name, "until": holder.until.isoformat()}
    except SigningProblem as problem:
        answer = {"problem": problem.what, "remedy": problem.remedy}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
