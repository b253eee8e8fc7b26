"""The search attributes that accords set: whether a namespace has them, and what adds them.

They are asked for by counting workflows with each of them, which a key of the namespace may do; listing them is for the
operator service, which Temporal Cloud closes to such keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import CountWorkflowExecutionsRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import SettingsProblem
from workflows.showing import SEARCH_ATTRIBUTES

PATIENCE = timedelta(seconds=5)
"""How long each look may take."""

_TYPES = {"KEYWORD": "Keyword", "KEYWORD_LIST": "KeywordList", "DATETIME": "Datetime", "INT": "Int"}
_SAMPLES = {"KEYWORD": "'x'", "KEYWORD_LIST": "'x'", "DATETIME": "'2030-01-01T00:00:00Z'", "INT": "1"}

Keys = Sequence[SearchAttributeKey[Any]]


async def missing(client: Client) -> Keys:
    """Those that the client's namespace lacks, or has with another type.

    Raises:
        RPCError: the server does not answer, or does not let us ask.
    """
    found = []
    for key in SEARCH_ATTRIBUTES:
        query = f"{key.name} = {_SAMPLES[key.indexed_value_type.name]}"
        try:
            await client.workflow_service.count_workflow_executions(
                CountWorkflowExecutionsRequest(namespace=client.namespace, query=query), timeout=PATIENCE
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            found.append(key)
    return found


def remedy(namespace: str, keys: Keys) -> str:
    """The commands that add ``keys`` to a namespace: on a server of one's own, and on Temporal Cloud."""
    types = [(key.name, _TYPES[key.indexed_value_type.name]) for key in keys]
    own = " ".join(f"--name {name} --type {kind}" for name, kind in types)
    cloud = " ".join(f'--search-attribute "{name}={kind}"' for name, kind in types)
    return (
        f"temporal operator search-attribute create --namespace {namespace} {own} "
        f"(on Temporal Cloud: tcld namespace search-attributes add --namespace {namespace} {cloud})"
    )


async def check_search_attributes(client: Client) -> None:
    """Refuse to run where the namespace lacks a search attribute that accords set.

    Raises:
        SettingsProblem: names those that are missing, and the command that adds them.
        RPCError: the server does not answer, or does not let us ask.
    """
    lacking = await missing(client)
    if lacking:
        raise SettingsProblem(
            f"The Temporal namespace {client.namespace} lacks search attributes that accords are found by, or has "
            f"them with another type: {', '.join(key.name for key in lacking)}.",
            f"Add them: {remedy(client.namespace, lacking)}",
        )
