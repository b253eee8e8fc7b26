"""Which of its forms an answer has, by the request's Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

from api.problems import Problem


def preferred(accept: str, *types: str) -> str:
    """The media type that is preferred, by quality values; the first of equal ones.

    Raises:
        Problem: ``not_acceptable``, where none will do.
    """
    given: dict[str, float] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            given[name] = float(weight)
        except ValueError:
            given[name] = 0.0

    def quality(name: str) -> float:
        whole = f"{name.partition('/')[0]}/*"
        return given.get(name, given.get(whole, given.get("*/*", 0.0)))

    best = max(types, key=quality)
    if quality(best) <= 0:
        raise Problem("not_acceptable", f"This is given as {' or '.join(types)}.")
    return best
