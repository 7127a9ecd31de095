"""What the environment may say: read once, here. Every variable begins with AUTERITY_."""

from functools import cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.limits import Rates


class Settings(BaseSettings):
    """Each part is embedded unless a URL names the real server."""

    model_config = SettingsConfigDict(env_prefix="AUTERITY_", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Field(Path(".auterity"), description="Where all state lies.")
    kafka: str | None = Field(None, description="Brokers as host:port,host:port; unset: an embedded Kafka.")
    group_prefix: str = Field("auterity", description="Begins the names of consumer groups and changelogs.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes that `up` starts.")
    kafka_replicas: int = Field(1, ge=1, description="Replicas of each topic.")
    kafka_retention_check_ms: int = Field(300_000, ge=100, description="How often the embedded Kafka checks retention.")
    registry: str | None = Field(None, description="URL of a Confluent-compatible schema registry; unset: embedded.")
    clickhouse: str | None = Field(None, description="URL of a ClickHouse server; unset: its engine, embedded.")
    clickhouse_user: str = Field("default", description="User on the ClickHouse server.")
    clickhouse_password: str = Field("", description="Password on the ClickHouse server.")
    read_models: str | None = Field(None, description="URL of a PostgreSQL database; unset: an SQLite file.")
    model: str | None = Field(None, description="LiteLLM's name of the default model; unset: the local one.")
    model_api_base: str | None = Field(None, description="An OpenAI-compatible server for the hosted model.")
    model_keys: dict[str, SecretStr] = Field(
        {}, description="Providers' keys, as JSON, by endpoint, model or provider."
    )
    secrets: SecretStr | None = Field(None, description="The secrets themselves, as JSON; unset: Vault or a file.")
    vault: str | None = Field(None, description="URL of a HashiCorp Vault that keeps the secrets; unset: a file.")
    vault_token: SecretStr | None = Field(None, description="What opens Vault.")
    vault_entry: str = Field(
        "secret/auterity", pattern="^[^/]+/.+$", description="Where the secrets are in Vault: mount/path."
    )
    redis: str | None = Field(
        None, description="URL of a Redis that counts calls for all gateways; unset: each its own."
    )
    address_calls_per_minute: int = Field(Rates().address, ge=1, description="Calls taken of one address in a minute.")
    stranger_calls_per_minute: int = Field(
        Rates().stranger, ge=1, description="Refused calls of one address in a minute by callers whom nobody knows."
    )
    log_level: str = Field("INFO", description="Level of the logs of worker and analytics.")


@cache
def settings() -> Settings:
    """Returns the settings of this process."""
    return Settings()
