"""Settings come from the environment, once, and keep their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.errors import SettingsProblem
from activities.runtime.settings import DEFAULT_TEMPORAL_ADDRESS, read_settings


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(tmp_path / "none.toml"))


def test_the_defaults_need_no_environment() -> None:
    settings = read_settings()
    assert settings.task_queue == "entente"
    assert settings.temporal_address == DEFAULT_TEMPORAL_ADDRESS
    assert settings.temporal_namespace == "default"
    assert settings.api_deadline == 10.0
    assert settings.command_public_keys == ()


def test_the_database_is_named_without_a_prefix_and_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:hunter2@db/x")
    settings = read_settings()
    assert settings.database_dsn() == "postgresql://u:hunter2@db/x"
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json(exclude={"temporal"})


def test_a_missing_database_is_said_with_a_remedy() -> None:
    with pytest.raises(SettingsProblem) as problem:
        read_settings().database_dsn()
    assert "DATABASE_URL" in problem.value.what
    assert "entente up" in problem.value.remedy


def test_temporal_follows_its_own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text(
        '[profile.cloud]\naddress = "t.example:7233"\nnamespace = "n.1"\napi_key = "hunter3"\n'
    )
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("TEMPORAL_PROFILE", "cloud")
    settings = read_settings()
    assert (settings.temporal_address, settings.temporal_namespace) == ("t.example:7233", "n.1")
    assert "hunter3" not in repr(settings)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "n.2")
    assert read_settings().temporal_namespace == "n.2"


def test_an_unknown_profile_is_one_clear_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_PROFILE", "nowhere")
    with pytest.raises(SettingsProblem, match="nowhere"):
        read_settings()


def test_a_wrong_value_names_its_variable_and_keeps_it_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTENTE_API_PORT", "99999")
    with pytest.raises(SettingsProblem, match="ENTENTE_API_PORT") as problem:
        read_settings()
    assert "99999" not in str(problem.value)


def test_settings_survive_the_way_through_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = read_settings(
        database_url="postgresql://u:p@db/x",
        state_dir=Path("/srv/état"),
        api_port=0,
        api_deadline=2.5,
        log_format="json",
        command_key_file=Path("key.pem"),
        command_public_keys=("one", "two"),
        task_queue="other",
    )
    for name, value in given.as_environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == given


def test_public_keys_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTENTE_COMMAND_PUBLIC_KEYS", "one, two,")
    assert read_settings().command_public_keys == ("one", "two")
