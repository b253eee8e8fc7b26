"""The operations of the API that the client uses, as the API's own document names them; a test compares the two.

An act's operation follows from the registry of acts, so an act that is added is there at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from workflows.model.declare import Act
from workflows.model.declared import ACTS

OPERATIONS: dict[str, Operation] = {}
"""Every operation but the acts', by its id in the document."""

SAFE = ("GET", "HEAD", "PUT", "DELETE")
"""Methods whose requests can be sent again as they are (RFC 9110, 9.2.2)."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its id in the document, its method, and its path with names in braces."""

    id: str
    method: str
    path: str

    def at(self, **names: str) -> str:
        """Its path with these names, each as one segment; ``rest`` is several."""
        return self.path.format(
            **{name: quote(value, safe="/" if name == "path" else "") for name, value in names.items()}
        )


def _declared(id_: str, method: str, path: str) -> Operation:
    OPERATIONS[id_] = found = Operation(id_, method, path)
    return found


def act_operation(act: type[Act]) -> Operation:
    """The operation that does an act, or passes a signal on."""
    signals = "signals/" if act.signal else ""
    return Operation(act.name, "POST", f"/v1/accords/{{accord}}/{signals}{act.name.replace('_', '-')}")


def act_named(name: str) -> type[Act]:
    """The act of that name, with hyphens or underscores.

    Raises:
        ValueError: there is none.
    """
    try:
        return ACTS[name.replace("-", "_")]
    except KeyError:
        raise ValueError(f"there is no act {name!r}; api.client.acts has them all") from None


OPEN_ACCORD = _declared("open_accord", "POST", "/v1/accords")
LIST_ACCORDS = _declared("list_accords", "GET", "/v1/accords")
READ_DESK = _declared("read_desk", "GET", "/v1/desk")
FOLLOW_FEED = _declared("follow_feed", "GET", "/v1/feed")

GET_ACCORD = _declared("get_accord", "GET", "/v1/accords/{accord}")
GET_DEFINITION = _declared("get_definition", "GET", "/v1/accords/{accord}/definition")
GET_CLAIMS = _declared("get_claims", "GET", "/v1/accords/{accord}/claims")
WHY = _declared("why", "GET", "/v1/accords/{accord}/why/{step}")
LIST_EVENTS = _declared("list_events", "GET", "/v1/accords/{accord}/events")
FOLLOW_ACCORD = _declared("follow_accord", "GET", "/v1/accords/{accord}/feed")
MOVE_CLOCK = _declared("move_clock", "POST", "/v1/accords/{accord}/clock")

GET_PROOF = _declared("get_proof", "GET", "/v1/accords/{accord}/proof/{position}")
GET_CHECKPOINT = _declared("get_checkpoint", "GET", "/v1/accords/{accord}/checkpoint")
GET_TIMESTAMPS = _declared("get_timestamps", "GET", "/v1/accords/{accord}/timestamps")
GET_FINALITY = _declared("get_finality", "GET", "/v1/accords/{accord}/finality")
GET_POLICY = _declared("get_policy", "GET", "/v1/accords/{accord}/policy")
GET_TILE = _declared("get_tile", "GET", "/v1/accords/{accord}/tile/{path}")
GET_BUNDLE = _declared("get_bundle", "GET", "/v1/accords/{accord}/bundle")
GET_OPERATION = _declared("get_operation", "GET", "/v1/operation")
GET_KEYS = _declared("get_keys", "GET", "/v1/keys")

READ_SHEETS = _declared("read_sheets", "POST", "/v1/definitions/sheets")
LIST_PAPERS = _declared("list_papers", "GET", "/v1/accords/{accord}/papers")
GET_PAPER = _declared("get_paper", "GET", "/v1/accords/{accord}/papers/{kind}")
GET_SHEET = _declared("get_sheet", "GET", "/v1/accords/{accord}/sheet")

LIST_FILES = _declared("list_files", "GET", "/v1/accords/{accord}/files")
GET_REDLINE = _declared("get_redline", "GET", "/v1/accords/{accord}/redline")
GET_FILE = _declared("get_file", "GET", "/v1/files/{digest}")
PUT_FILE = _declared("put_file", "PUT", "/v1/files/{digest}")

GET_ME = _declared("get_me", "GET", "/v1/me")
LIST_API_KEYS = _declared("list_api_keys", "GET", "/v1/api-keys")
MAKE_API_KEY = _declared("make_api_key", "POST", "/v1/api-keys")
REVOKE_API_KEY = _declared("revoke_api_key", "DELETE", "/v1/api-keys/{key}")
LIST_ACCOUNTS = _declared("list_accounts", "GET", "/v1/accounts")
UNLINK_ACCOUNT = _declared("unlink_account", "DELETE", "/v1/accounts/{account}")
LIST_JOIN_LINKS = _declared("list_join_links", "GET", "/v1/accords/{accord}/join-links")
MAKE_JOIN_LINK = _declared("make_join_link", "POST", "/v1/accords/{accord}/join-links")
WITHDRAW_JOIN_LINK = _declared("withdraw_join_link", "DELETE", "/v1/accords/{accord}/join-links/{link}")
JOIN = _declared("join", "POST", "/v1/join")

GET_NOTICES = _declared("get_notices", "GET", "/v1/notices")
CHOOSE_NOTICES = _declared("choose_notices", "PUT", "/v1/notices")
CONFIRM_NOTICES = _declared("confirm_notices", "PUT", "/v1/notices/confirmation")
END_NOTICES = _declared("end_notices", "DELETE", "/v1/notices")

LIST_WEBHOOKS = _declared("list_webhooks", "GET", "/v1/webhooks")
ADD_WEBHOOK = _declared("add_webhook", "POST", "/v1/webhooks")
GET_WEBHOOK = _declared("get_webhook", "GET", "/v1/webhooks/{webhook}")
DELETE_WEBHOOK = _declared("delete_webhook", "DELETE", "/v1/webhooks/{webhook}")
LIST_DELIVERIES = _declared("list_deliveries", "GET", "/v1/webhooks/{webhook}/deliveries")
REPLAY_WEBHOOK = _declared("replay_webhook", "POST", "/v1/webhooks/{webhook}/replay")
ROTATE_WEBHOOK_SECRET = _declared("rotate_webhook_secret", "POST", "/v1/webhooks/{webhook}/rotate-secret")
SWITCH_WEBHOOK = _declared("switch_webhook", "POST", "/v1/webhooks/{webhook}/{switch}")

LIVEZ = _declared("livez", "GET", "/livez")
READYZ = _declared("readyz", "GET", "/readyz")
