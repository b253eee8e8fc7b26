"""The one place that knows how the workflows of webhooks and of notices are started, and told of more."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy

from workflows.notices import NoticesInput
from workflows.webhooks import WebhookInput

WEBHOOK, NOTICES = "Webhook", "Notices"
"""The workflows' names on the task queue."""


def webhook_workflow(webhook: str) -> str:
    """The id of an endpoint's workflow. No accord has one with a colon, whatever its title is."""
    return f"webhook:{webhook}"


def notices_workflow(principal: str) -> str:
    """The id of the workflow of a person's notices; as above, and whatever name the person took."""
    return f"notices:{principal}"


async def tell_webhook(
    client: Client,
    webhook: str,
    task_queue: str,
    *,
    hurry: bool = False,
    backoff: tuple[float, ...] | None = None,
) -> None:
    """See to it that the workflow of an endpoint runs and looks for what there is to deliver.

    ``hurry`` ends a pause after failures; ``backoff`` is a test's hook, as in :class:`WebhookInput`.

    Raises:
        RPCError: the server does not answer.
    """
    await client.start_workflow(
        WEBHOOK,
        WebhookInput(webhook=webhook, backoff=backoff),
        id=webhook_workflow(webhook),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal="hurry" if hurry else "more",
        static_summary="Entries are delivered to a webhook",
    )


async def tell_person(
    client: Client, principal: str, task_queue: str, *, news: bool = True, together: float | None = None
) -> None:
    """See to it that the workflow of a person's notices runs, and looks what there is to tell if there is ``news``.

    ``together`` is a test's hook, as in :class:`NoticesInput`.

    Raises:
        RPCError: the server does not answer.
    """
    await client.start_workflow(
        NOTICES,
        NoticesInput(principal=principal, together=together),
        id=notices_workflow(principal),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal="more" if news else None,
        static_summary="A person is told of what waits on them",
    )
