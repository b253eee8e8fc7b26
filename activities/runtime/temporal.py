"""The one way to Temporal: API, worker, replayer and tests connect here and share one plugin."""

from __future__ import annotations

import dataclasses
import logging
from datetime import timedelta
from typing import Any

from temporalio.api.failure.v1 import Failure
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DefaultFailureConverter, PayloadCodec, PayloadConverter
from temporalio.envconfig import ClientConfigProfile
from temporalio.plugin import SimplePlugin
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.errors import SettingsProblem, Unreachable
from activities.runtime import tracing
from activities.runtime.settings import DEFAULT_TEMPORAL_ADDRESS, Settings
from workflows.messages import FailureKind

PASSED_THROUGH = ("workflows", "pydantic", "pydantic_core", "annotated_types", "yaml")
"""Modules that a workflow sandbox takes as they are, where somebody runs one."""


def _without_sandbox(runner: WorkflowRunner | None) -> WorkflowRunner:
    """No sandbox, unless somebody asks for another than the default one: why stands in the decision on it.

    (``deploy/docs/decisions/0008-sandbox.md``)
    """
    if runner is None or runner == SandboxedWorkflowRunner():
        return UnsandboxedWorkflowRunner()
    if isinstance(runner, SandboxedWorkflowRunner):
        restrictions = runner.restrictions.with_passthrough_modules(*PASSED_THROUGH)
        return dataclasses.replace(runner, restrictions=restrictions)
    return runner


ANSWERS = (
    FailureKind.REFUSED,
    FailureKind.REJECTED,
    FailureKind.CONTINUING,
    FailureKind.COMMAND_ID_REUSED,
    FailureKind.NOT_SIGNED,
    FailureKind.UNAVAILABLE,
    FailureKind.AHEAD_OF_CLOCK,
)
"""Kinds of errors that say all that there is to say, and are no faults of the program."""


class AnswersWithoutTraces(DefaultFailureConverter):
    """Leaves the stack trace out of errors that are answers: people read them in the history."""

    encodes = False
    """Whether message and trace go where a codec encrypts them."""

    def to_failure(
        self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure
    ) -> None:
        """As by default, then without the trace where it would tell a reader nothing."""
        super().to_failure(exception, payload_converter, failure)
        if failure.application_failure_info.type in ANSWERS:
            failure.stack_trace = ""
        if self.encodes:
            attributes = {"message": failure.message, "stack_trace": failure.stack_trace}
            failure.encoded_attributes.CopyFrom(payload_converter.to_payloads([attributes])[0])
            failure.message, failure.stack_trace = ENCODED, ""


class EncryptedAnswers(AnswersWithoutTraces):
    """Has messages and traces of errors encrypted with everything else; their types stay in plain."""

    encodes = True


ENCODED = "Encoded failure"
"""What stands in the place of an encrypted message, as with Temporal's own converter."""

CONVERTER = dataclasses.replace(pydantic_data_converter, failure_converter_class=AnswersWithoutTraces)


class EntentePlugin(SimplePlugin):
    """The data converter (pydantic), the sandbox policy, and where they are on encryption and traces.

    For client, worker and replayer alike. A worker takes it over from its client, so only a replayer has to be given
    it. ``codec`` encrypts payloads, and with it failures; none for plain text.
    """

    def __init__(self, codec: PayloadCodec | None = None) -> None:
        super().__init__(
            "entente",
            data_converter=CONVERTER
            if codec is None
            else dataclasses.replace(
                CONVERTER, payload_codec=codec, failure_converter_class=EncryptedAnswers
            ),
            interceptors=tracing.interceptors(),
            workflow_runner=_without_sandbox,
        )


def set_up_core(metrics: str | None = None) -> None:
    """Send what Temporal's core (which is not Python) logs through the process's own pipeline, and serve its metrics.

    To be called before the first connection, in a process that has its logs configured. ``metrics`` is the address
    (host:port) at which Prometheus's format is to be had; none for no metrics.

    Raises:
        SettingsProblem: the address is taken.
    """
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    logs = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding
    )
    exporter = (
        None
        if metrics is None
        else PrometheusConfig(
            bind_address=metrics, counters_total_suffix=True, unit_suffix=True, durations_as_seconds=True
        )
    )
    try:
        runtime = Runtime(telemetry=TelemetryConfig(logging=logs, metrics=exporter))
    except (RuntimeError, ValueError) as error:
        raise SettingsProblem(
            f"Temporal's core cannot serve its metrics at {metrics}: {error}.", "Start again."
        ) from error
    Runtime.set_default(runtime, error_if_already_set=False)


async def connect(
    settings: Settings,
    *,
    target: str | None = None,
    runtime: Runtime | None = None,
    codec: PayloadCodec | None = None,
) -> Client:
    """Connect to the Temporal that ``settings`` name: address, namespace, mTLS, API key, gRPC metadata.

    Args:
        settings: of this process.
        target: host and port of another server, without TLS or credentials, in the namespace ``default``.
        runtime: Temporal's core, where it exports metrics.
        codec: encrypts payloads; whoever sends or reads none needs none.

    Raises:
        Unreachable: the server does not answer, or refuses the credentials.
        SettingsProblem: a key or certificate cannot be read.
    """
    profile = ClientConfigProfile(address=target) if target is not None else settings.temporal
    options: dict[str, Any] = {"target_host": DEFAULT_TEMPORAL_ADDRESS, **profile.to_client_connect_config()}
    address = options["target_host"]
    try:
        return await Client.connect(
            plugins=[EntentePlugin(codec)],
            connect_timeout=timedelta(seconds=settings.api_deadline),
            runtime=runtime,
            **options,
        )
    except OSError as error:
        raise SettingsProblem(
            f"A file of Temporal's environment configuration cannot be read: {error}.",
            "Look at the TEMPORAL_TLS_ variables and the profile.",
        ) from error
    except RuntimeError as error:
        raise Unreachable(
            f"Temporal does not answer at {address}: {error}.",
            "Start one with `entente up`, or set TEMPORAL_ADDRESS (TEMPORAL_NAMESPACE, TEMPORAL_API_KEY).",
        ) from error
